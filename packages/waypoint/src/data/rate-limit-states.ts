import type { ServedService } from '@ambit/traffic/model/served-service';
import { RateLimits } from '@ambit/traffic/rate-limit/rate-limits';

/** The rate limits of services on this data thread, in buckets that the control side has made for all of them. */
export class RateLimitStates {
  readonly #thread: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, SharedArrayBuffer>();

  /** `now`: milliseconds of the clock that all threads share. */
  constructor(thread: number, now: () => number) {
    this.#thread = thread;
    this.#now = now;
  }

  install(buckets: ReadonlyMap<string, SharedArrayBuffer>): void {
    for (const [key, memory] of buckets) this.#buckets.set(key, memory);
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#buckets.delete(key);
  }

  /** Undefined: nothing limits its requests. */
  of({ localRateLimits }: ServedService): RateLimits | undefined {
    if (localRateLimits.length === 0) return undefined;
    return new RateLimits(localRateLimits, (key) => this.#memoryOf(key), this.#thread, this.#now);
  }

  #memoryOf(key: string): SharedArrayBuffer {
    const memory = this.#buckets.get(key);
    if (memory === undefined) throw new RangeError(`nothing was said of the buckets of ${key}`);
    return memory;
  }
}
