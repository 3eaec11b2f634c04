import { readFileSync, readdirSync } from 'node:fs';

/** Ticks of /proc/PID/stat per second; fixed in the kernel's interface (USER_HZ). */
const NANOSECONDS_PER_TICK = 10_000_000;

/**
 * Nanoseconds of processor time the process has used, all threads that are alive: what the scheduler counts
 * (/proc/PID/task/TID/schedstat), which needs no privilege, or ticks of 10 ms on a kernel without it.
 * A process that is gone counts 0. Network work that the kernel does in its own threads is not in it.
 */
export function processCpu(pid: number, proc = '/proc'): number {
  const threads = tryRead(() => readdirSync(`${proc}/${pid}/task`)) ?? [];
  let total = 0;
  for (const thread of threads) {
    const text = tryRead(() => readFileSync(`${proc}/${pid}/task/${thread}/schedstat`, 'latin1'));
    if (text === undefined) return ticksOf(pid, proc);
    total += Number(text.split(' ', 1)[0]);
  }
  return total;
}

/** Nanoseconds in which any processor of the machine was busy, to tell how much neighbours used (10 ms ticks). */
export function machineCpu(proc = '/proc'): number {
  const fields = readFileSync(`${proc}/stat`, 'latin1').split('\n', 1)[0]?.split(/ +/).slice(1).map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) * NANOSECONDS_PER_TICK;
}

function ticksOf(pid: number, proc: string): number {
  const text = tryRead(() => readFileSync(`${proc}/${pid}/stat`, 'latin1'));
  if (text === undefined) return 0;
  // The command in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * NANOSECONDS_PER_TICK;
}

function tryRead<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
