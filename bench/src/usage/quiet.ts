import { machineCpu } from './process-cpu.ts';

/** Cores that neighbours may use while nothing of ours runs. */
const QUIET_CORES = 0.15;
/** Milliseconds of one look at the machine: 20 ticks of the kernel's accounting. */
const LOOK_MS = 200;

/** Cores that are busy now, over a short look. */
export async function busyCores(): Promise<number> {
  const before = machineCpu();
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  return (machineCpu() - before) / 1e6 / (performance.now() - began);
}

/** Resolves with true as soon as the machine is quiet, or with false when it was not within `limit` milliseconds. */
export async function becomesQuiet(limit: number): Promise<boolean> {
  const deadline = performance.now() + limit;
  do {
    if ((await busyCores()) <= QUIET_CORES) return true;
  } while (performance.now() < deadline);
  return false;
}
