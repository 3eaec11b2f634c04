import type { RateLimit } from '../../limits.ts';

/** A token bucket over a clock in milliseconds. */
export class RateBudget {
  readonly #limit: RateLimit;
  #tokens: number;
  #filledAt: number;

  constructor(limit: RateLimit, now: number) {
    this.#limit = limit;
    this.#tokens = limit.burst;
    this.#filledAt = now;
  }

  /** Takes one; false when there was none left at `now`. */
  spend(now: number): boolean {
    if (this.#tokens < 1) {
      const earned = ((now - this.#filledAt) * this.#limit.perSecond) / 1000;
      if (earned < 1) return false;
      this.#tokens = Math.min(this.#limit.burst, this.#tokens + Math.floor(earned));
      this.#filledAt = now;
    }
    this.#tokens--;
    return true;
  }

  /** Adds to what is left, never beyond the burst. */
  earn(tokens: number): void {
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + tokens);
  }
}
