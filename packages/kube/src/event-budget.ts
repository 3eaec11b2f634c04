import type { Clock } from '@ambit/core/clock';
import { EVENT_REFILL_MS, EVENTS_PER_OBJECT, EVENTS_REMEMBERED } from './limits.ts';

/** How many events each object may still have: a bucket of tokens, as client-go's filter of spam. */
export class EventBudget {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one more event about the object may be written. */
  take(object: string): boolean {
    const now = this.#clock.now();
    const { tokens, at } = this.#buckets.get(object) ?? { tokens: EVENTS_PER_OBJECT, at: now };
    const refilled = Math.min(EVENTS_PER_OBJECT, tokens + (now - at) / EVENT_REFILL_MS);
    this.#buckets.delete(object);
    if (this.#buckets.size >= EVENTS_REMEMBERED) {
      // The one that was used longest ago has most likely filled up again.
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    this.#buckets.set(object, { tokens: refilled >= 1 ? refilled - 1 : refilled, at: now });
    return refilled >= 1;
  }
}
