import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';

/** One line of `npm start -- --check`. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was measured, or what went wrong. */
  readonly detail: string;
}

/** One thing that the mesh promises, and how to see it. `Bench` is what it is tried on. */
export interface Check<Bench> {
  /** The promise in the user's words. */
  readonly name: string;
  /** Milliseconds after which the check has failed. */
  readonly limit: number;
  /** Resolves with what was measured; rejects with what is wrong. Leaves the bench as it was. */
  readonly run: (bench: Bench) => Promise<string>;
}

/** Something that can be brought back into order. */
export interface Recoverable {
  recover(): Promise<void>;
}

/**
 * Runs checks one after the other, however they end, and tells each result as it comes. After a failure `bench.recover`
 * is called, so that what one check broke does not fail the next.
 */
export async function runChecks<Bench extends Recoverable>(
  checks: readonly Check<Bench>[],
  bench: Bench,
  clock: Clock,
  tell: (result: CheckResult) => void,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const result = await runCheck(check, bench, clock);
    tell(result);
    results.push(result);
    if (!result.ok) await bench.recover();
  }
  return results;
}

/** Runs one check. Never rejects. */
export async function runCheck<Bench>(check: Check<Bench>, bench: Bench, clock: Clock): Promise<CheckResult> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = clock.setTimeout(() => {
    reject(new Error(`not finished after ${check.limit / 1_000} s`));
  }, check.limit);
  try {
    return { name: check.name, ok: true, detail: await Promise.race([check.run(bench), late]) };
  } catch (error) {
    return { name: check.name, ok: false, detail: messageOf(error) };
  } finally {
    timer.cancel();
  }
}

/** Fails the check, with what is wrong, unless the condition holds. */
export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** Waits until `attempt` gives something; rejects with what it last gave instead (its error, or `nothing`) after `within` milliseconds. */
export async function eventually<T>(
  clock: Clock,
  within: number,
  what: string,
  attempt: () => Promise<T | undefined>,
): Promise<T> {
  const begin = clock.now();
  let last = 'nothing yet';
  for (;;) {
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      last = messageOf(error);
    }
    if (clock.now() - begin > within) throw new Error(`not within ${within} ms: ${what} (${last})`);
    await pause(clock, RETRY_AFTER);
  }
}

/** Resolves after some milliseconds. */
export function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, milliseconds));
}

/** Milliseconds between two attempts of `eventually`. */
const RETRY_AFTER = 20;
