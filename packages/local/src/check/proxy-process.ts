import { readFileSync, readdirSync } from 'node:fs';
import type { Clock } from '@ambit/core/clock';
import { pause } from './check.ts';

/** Milliseconds between two looks at whether a process is dead. */
const POLL = 1;

/** Process id of the proxy that a keeper runs; rejects the moment when there is none. */
export function proxyOf(keeper: number): number {
  const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'latin1').trim();
  const [child] = children.split(' ').filter((pid) => pid !== '');
  if (child === undefined) throw new Error(`keeper ${keeper} runs no proxy at the moment`);
  return Number(child);
}

/** Kills a process as a crash would and resolves with the moment (milliseconds since the epoch) at which it was dead. */
export async function killAndWait(pid: number, clock: Clock): Promise<number> {
  process.kill(pid, 'SIGKILL');
  while (isAlive(pid)) await pause(clock, POLL);
  return clock.wallTime();
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function isAlive(pid: number): boolean {
  try {
    // The state follows the command, which is in parentheses and may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}
