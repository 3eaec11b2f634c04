import { backoffDelay } from '@ambit/core/backoff';
import { RETRY_FIRST_MAX_MS, RETRY_FIRST_MIN_MS, RETRY_JITTER, RETRY_MAX_MS } from './limits.ts';

/**
 * How long to wait after the nth failure in a row (n from 1), in milliseconds. `first` in [0, 1) is drawn once per
 * series and places its first delay between the limits; `random` in [0, 1) is drawn each time, for the jitter.
 */
export function retryDelay(failures: number, first: number, random: number): number {
  const initial = RETRY_FIRST_MIN_MS + first * (RETRY_FIRST_MAX_MS - RETRY_FIRST_MIN_MS);
  return backoffDelay({ first: initial, longest: RETRY_MAX_MS, jitter: RETRY_JITTER }, failures, random);
}
