import { RETRY_BUDGET_FLOOR, RETRY_BUDGET_PERCENT } from '../limits.ts';

/**
 * Keeps retries from multiplying the load of a cluster that fails: so many may be under way (waiting for their delay
 * counts) as a share of the requests under way, and always a few. One object per cluster and data thread.
 */
export class RetryBudget {
  #requests = 0;
  #retries = 0;

  /** Requests under way. */
  get requests(): number {
    return this.#requests;
  }

  /** Retries under way. */
  get retries(): number {
    return this.#retries;
  }

  requestBegan(): void {
    this.#requests++;
  }

  requestEnded(): void {
    this.#requests--;
  }

  /** Takes a place for a retry; false when there is none. */
  take(): boolean {
    const share = Math.floor((this.#requests * RETRY_BUDGET_PERCENT) / 100);
    if (this.#retries >= Math.max(share, RETRY_BUDGET_FLOOR)) return false;
    this.#retries++;
    return true;
  }

  /** Gives a place back. */
  giveBack(): void {
    this.#retries--;
  }
}
