import { randomInt } from 'node:crypto';

const STEPS = 2 ** 32;

/** Uniform in [0, 1), from the system's source. */
export function uniform(): number {
  return randomInt(STEPS) / STEPS;
}
