import { ROLLING_BUCKETS } from '../limits.ts';

/** Words of one bucket: the number of its span, then two counts. */
const BUCKET_WORDS = 3;

/** Words of one thread's part. */
export const ROLLING_WORDS: number = ROLLING_BUCKETS * BUCKET_WORDS;

/** What a window has seen on all threads together. */
export interface RollingSums {
  first: number;
  second: number;
}

/**
 * Two counts over the last moments, of all data threads. A thread writes its own part alone; sums read all of them. The window
 * moves in steps of a tenth.
 */
export class RollingCounts {
  readonly #words: Int32Array;
  /** Where each thread's part begins. */
  readonly #parts: readonly number[];
  readonly #own: number;
  readonly #bucketMs: number;
  readonly #sums: RollingSums = { first: 0, second: 0 };
  /** The bucket that is counted in, and the span of time that is its own. */
  #at = 0;
  #from = 0;
  #until = 0;

  /** `parts`: where in `words` the part of each thread begins; `thread`: whose part is written here. */
  constructor(words: Int32Array, parts: readonly number[], thread: number, windowMs: number) {
    this.#words = words;
    this.#parts = parts;
    this.#own = parts[thread] ?? 0;
    this.#bucketMs = Math.max(1, windowMs / ROLLING_BUCKETS);
  }

  /** `now`: milliseconds of a clock that all threads share. */
  add(now: number, first: number, second: number): void {
    if (now < this.#from || now >= this.#until) this.#turnTo(now);
    const words = this.#words;
    const at = this.#at;
    words[at + 1] = (words[at + 1] ?? 0) + first;
    words[at + 2] = (words[at + 2] ?? 0) + second;
  }

  /**
   * Of the window that ends now, or of its newest steps alone; the same object every time. What other threads count at this
   * moment may be missing.
   */
  sum(now: number, steps: number = ROLLING_BUCKETS): Readonly<RollingSums> {
    const words = this.#words;
    const sums = this.#sums;
    sums.first = 0;
    sums.second = 0;
    const newest = Math.floor(now / this.#bucketMs) | 0;
    for (const part of this.#parts) {
      for (let bucket = 0; bucket < ROLLING_BUCKETS; bucket++) {
        const at = part + bucket * BUCKET_WORDS;
        const age = newest - (words[at] ?? 0);
        // A thread that turns a little later may be one span ahead.
        if (age < -1 || age >= steps) continue;
        sums.first += words[at + 1] ?? 0;
        sums.second += words[at + 2] ?? 0;
      }
    }
    return sums;
  }

  /** Forgets what all threads have counted. */
  clear(): void {
    for (const part of this.#parts) {
      for (let word = part; word < part + ROLLING_WORDS; word += BUCKET_WORDS) {
        Atomics.store(this.#words, word + 1, 0);
        Atomics.store(this.#words, word + 2, 0);
      }
    }
  }

  #turnTo(now: number): void {
    const words = this.#words;
    const number = Math.floor(now / this.#bucketMs);
    const span = number | 0;
    const at = this.#own + (((span % ROLLING_BUCKETS) + ROLLING_BUCKETS) % ROLLING_BUCKETS) * BUCKET_WORDS;
    if (words[at] !== span) {
      words[at + 1] = 0;
      words[at + 2] = 0;
      words[at] = span;
    }
    this.#at = at;
    this.#from = number * this.#bucketMs;
    this.#until = this.#from + this.#bucketMs;
  }
}
