import { readFileSync } from 'node:fs';

/** A process, told apart from a later one with the same number by when it began. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the machine started (field 22 of /proc/PID/stat), and which start of the machine. */
  readonly began: string;
}

/** Undefined when there is no such process, or only its remains that nobody collected yet (proc(5): state, num_threads). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, threads] = [fields[0], Number(fields[17])];
    // The first thread is gone before the others are, and with them the ports of the process.
    if ((state === 'Z' || state === 'X') && threads <= 1) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid, began: `${fields[19] ?? ''}@${boot}` };
  } catch {
    return undefined;
  }
}

export function isAlive(process: ProcessIdentity): boolean {
  return identityOf(process.pid)?.began === process.began;
}
