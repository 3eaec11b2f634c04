/** 64 bits as two numbers of 32, each from 0 to below 2^32: `BigInt` costs an allocation for every step. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/** Whether a stands before b as numbers without sign; equal ones do not. */
export function isBefore(aHigh: number, aLow: number, bHigh: number, bLow: number): boolean {
  return aHigh === bHigh ? aLow < bLow : aHigh < bHigh;
}

/** The remainder of a division by a number below 2^21. */
export function remainder({ high, low }: Hash64, divisor: number): number {
  return ((high % divisor) * (4_294_967_296 % divisor) + low) % divisor;
}

/** 16 digits in lower case. */
export function hexOf({ high, low }: Hash64): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
