import { AmbitError } from '@ambit/core/errors';

/**
 * Injected faults: the nth call of a named native function fails with an errno. Off in a normal start: the functions
 * are wrapped when they are bound, and only if `armFaults` ran before (`node --import @ambit/native/arm-faults`, or a
 * test whose first import is `arm-faults.ts`), so that a process without faults pays nothing.
 */

interface PlannedFault {
  readonly name: string;
  readonly errno: number;
  remaining: number;
}

/** Any bound function; void ones return undefined. */
export type NativeCall = (...args: number[]) => number | undefined;

let armed = false;
let planned: PlannedFault[] = [];
const calls = new Map<string, number>();

/** Wraps every native function that is bound from now on. Call it before anything else of this package is imported. */
export function armFaults(): void {
  armed = true;
}

/** Makes the `nth` call (1 = the next) of the native function `name` fail with `errno`. Throws unless faults are armed. */
export function failCall(name: string, nth: number, errno: number): void {
  if (!armed) throw new AmbitError('AMBIT_FAULTS_OFF', 'faults are not armed: import @ambit/native/arm-faults first');
  planned.push({ name, errno, remaining: nth });
}

/** Forgets planned faults and call counts; returns the names of the faults that were planned and never struck. */
export function clearFaults(): string[] {
  const missed = planned.map(({ name }) => name);
  planned = [];
  calls.clear();
  return missed;
}

/** How often each native function was called since faults were armed or cleared. */
export function nativeCalls(): ReadonlyMap<string, number> {
  return calls;
}

/** Used where functions are bound: returns `call` itself when faults are off. */
export function intercept(
  name: string,
  call: NativeCall,
  failure: number,
  releases: boolean,
  setErrno: (errno: number) => void,
): NativeCall {
  if (!armed) return call;
  return (...args) => {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    const errno = strike(name);
    if (errno === 0) return call(...args);
    if (releases) call(...args);
    setErrno(errno);
    return failure;
  };
}

/** The errno of the fault that strikes this call of `name`, 0 when none does. */
function strike(name: string): number {
  const fault = planned.find((candidate) => candidate.name === name);
  if (fault === undefined) return 0;
  fault.remaining -= 1;
  if (fault.remaining > 0) return 0;
  planned = planned.filter((candidate) => candidate !== fault);
  return fault.errno;
}
