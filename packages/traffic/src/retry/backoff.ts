import { BACKOFF_CAP_FACTOR } from '../limits.ts';

/**
 * Milliseconds to wait before the nth retry (n from 1): full jitter, as Envoy's. Uniform from 0 to below
 * (2^n - 1) * base, and never above ten times the base. `random` is from 0 to below 1.
 */
export function backoffMs(baseMs: number, retry: number, random: number): number {
  const longest = Math.min(2 ** Math.min(retry, 30) - 1, BACKOFF_CAP_FACTOR) * baseMs;
  return Math.floor(random * longest);
}
