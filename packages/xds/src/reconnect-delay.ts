import { backoffDelay } from '@ambit/core/backoff';
import { RECONNECT_FIRST_MS, RECONNECT_JITTER, RECONNECT_MAX_MS } from './limits.ts';

const BACKOFF = { first: RECONNECT_FIRST_MS, longest: RECONNECT_MAX_MS, jitter: RECONNECT_JITTER };

/**
 * How long to wait before the next stream, in milliseconds. `fruitless`: streams in a row that ended before every type had a
 * response.
 * None: the last one worked, so its end is an event of the server (a restart, a rebalancing) and the next follows at
 * once or, after an error, after the first delay. `random` in [0, 1) is for the jitter.
 */
export function reconnectDelay(fruitless: number, clean: boolean, random: number): number {
  return fruitless === 0 && clean ? 0 : backoffDelay(BACKOFF, fruitless, random);
}
