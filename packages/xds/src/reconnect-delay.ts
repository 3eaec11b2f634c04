import { RECONNECT_FIRST_MS, RECONNECT_JITTER, RECONNECT_MAX_MS } from './limits.ts';

/**
 * How long to wait before the next stream, in milliseconds. `fruitless`: streams in a row that ended before every type had a
 * response.
 * None: the last one worked, so its end is an event of the server (a restart, a rebalancing) and the next follows at
 * once or, after an error, after the first delay. `random` in [0, 1) is for the jitter.
 */
export function reconnectDelay(fruitless: number, clean: boolean, random: number): number {
  if (fruitless === 0 && clean) return 0;
  const doublings = Math.min(Math.max(fruitless - 1, 0), 30);
  const delay = Math.min(RECONNECT_FIRST_MS * 2 ** doublings, RECONNECT_MAX_MS / (1 + RECONNECT_JITTER));
  return delay * (1 - RECONNECT_JITTER + 2 * RECONNECT_JITTER * random);
}
