import { type ClusterMemory, Gauge, windowsOf } from '../cluster-state/cluster-memory.ts';
import type { ClusterLoad } from '../cluster-state/cluster-load.ts';
import { RollingCounts } from '../cluster-state/rolling-counts.ts';
import {
  RETRIES_DOUBTED_PERCENT,
  RETRIES_IN_VAIN_PERCENT,
  RETRY_BUDGET_FLOOR,
  RETRY_BUDGET_PERCENT,
  RETRY_BUDGET_WINDOW_MS,
  ROLLING_BUCKETS,
} from '../limits.ts';
import type { Cluster } from '../model/served-service.ts';

/** Of the window, what counts as now. */
const NEWEST_STEPS = 2;
const FLOOR_NOW: number = (RETRY_BUDGET_FLOOR * NEWEST_STEPS) / ROLLING_BUCKETS;

/**
 * Keeps retries from multiplying the load of a cluster that fails, over all data threads. Those that are under way or were in vain
 * may be a share of the requests of the last seconds, and always a few: where one endpoint of three fails, retries help and go
 * on; where all fail, they soon end. A cluster that says so itself is held to how many are under way or were begun
 * (`maxRetries`, `retryBudget`).
 */
export class RetryBudget {
  readonly #load: ClusterLoad;
  readonly #window: RollingCounts;
  readonly #now: () => number;
  readonly #cluster: Pick<Cluster, 'connectionPool' | 'retryBudget'>;

  /** `now`: milliseconds of a clock that all threads share. */
  constructor(
    memory: ClusterMemory,
    load: ClusterLoad,
    cluster: Pick<Cluster, 'connectionPool' | 'retryBudget'>,
    now: () => number,
  ) {
    this.#load = load;
    this.#cluster = cluster;
    this.#now = now;
    const windowMs = cluster.retryBudget?.intervalMs ?? 0;
    this.#window = new RollingCounts(
      new Int32Array(memory.counts),
      windowsOf(memory.threads, 'retries'),
      load.thread,
      windowMs > 0 ? windowMs : RETRY_BUDGET_WINDOW_MS,
    );
  }

  /** Requests under way. */
  get requests(): number {
    return this.#load.sum(Gauge.underWay);
  }

  /** Retries under way, those that wait for their delay too. */
  get retries(): number {
    return this.#load.sum(Gauge.retries);
  }

  requestBegan(): void {
    this.#load.take(Gauge.underWay, 0);
    this.#window.add(this.#now(), 1, 0);
  }

  requestEnded(): void {
    this.#load.giveBack(Gauge.underWay);
  }

  /** Takes a place for a retry; false when there is none. */
  take(): boolean {
    if (!this.#mayTake()) return false;
    if (this.#countsBegun) this.#window.add(this.#now(), 0, 1);
    return true;
  }

  /** Gives a place back. `inVain`: the retry failed like the try before it, or nobody waited for its end. */
  giveBack(inVain: boolean): void {
    this.#load.giveBack(Gauge.retries);
    if (inVain && !this.#countsBegun) this.#window.add(this.#now(), 0, 1);
  }

  /** Whether the cluster has a budget of its own, of retries of an interval. */
  get #countsBegun(): boolean {
    return this.#cluster.retryBudget !== null;
  }

  #mayTake(): boolean {
    const { connectionPool, retryBudget } = this.#cluster;
    if (retryBudget !== null && retryBudget.intervalMs === 0) {
      const share = Math.floor((this.requests * retryBudget.percent) / 100);
      const limit = Math.max(share, retryBudget.minConcurrency);
      return limit > 0 && this.#load.take(Gauge.retries, limit);
    }
    if (retryBudget !== null) return this.#takeOfWindow(retryBudget.percent, retryBudget.minConcurrency, 0);
    const maxRetries = connectionPool?.maxRetries ?? 0;
    if (maxRetries > 0) return this.#load.take(Gauge.retries, maxRetries);
    return this.#mayHelp() && this.#takeOfWindow(RETRY_BUDGET_PERCENT, RETRY_BUDGET_FLOOR, this.retries);
  }

  /** Whether retries of this moment were not all in vain. What is under way is given credit until too many before it were. */
  #mayHelp(): boolean {
    const now = this.#now();
    const { first: requests, second: inVain } = this.#window.sum(now);
    const doubted = inVain >= Math.max((requests * RETRIES_DOUBTED_PERCENT) / 100, RETRY_BUDGET_FLOOR);
    const { first: newest, second: inVainNow } = this.#window.sum(now, NEWEST_STEPS);
    return (
      inVainNow + (doubted ? this.retries : 0) <
      Math.max(Math.floor((newest * RETRIES_IN_VAIN_PERCENT) / 100), FLOOR_NOW)
    );
  }

  #takeOfWindow(percent: number, floor: number, underWay: number): boolean {
    const { first: requests, second: counted } = this.#window.sum(this.#now());
    return (
      counted + underWay < Math.max(Math.floor((requests * percent) / 100), floor) && this.#load.take(Gauge.retries, 0)
    );
  }
}
