import type { Clock } from '@ambit/core/clock';
import { MAX_RATE_LIMIT_KEYS } from '../limits.ts';

/** Token buckets by key: `burst` at once, `perSecond` from then on. Memory is bounded by forgetting the key unused for longest. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(options: { burst: number; perSecond: number }, clock: Clock) {
    this.#clock = clock;
    this.#burst = options.burst;
    this.#perSecond = options.perSecond;
  }

  /** Whether something is left, without taking it. */
  hasRoom(key: string): boolean {
    return this.#left(key) >= 1;
  }

  /** Takes one; false when nothing is left. */
  take(key: string): boolean {
    const left = this.#left(key);
    const taken = left >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: taken ? left - 1 : left, at: this.#clock.now() });
    if (this.#buckets.size > MAX_RATE_LIMIT_KEYS) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return taken;
  }

  #left(key: string): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return this.#burst;
    return Math.min(this.#burst, bucket.left + ((this.#clock.now() - bucket.at) / 1_000) * this.#perSecond);
  }
}
