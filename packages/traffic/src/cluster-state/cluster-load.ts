import { MAX_PLACE_RACES } from '../limits.ts';
import { type ClusterMemory, type Gauge, gaugesOf } from './cluster-memory.ts';

/**
 * What is under way to a cluster, as one data thread counts it and all of them together are held to it. Without a limit a place
 * costs one addition.
 */
export class ClusterLoad {
  readonly #words: Int32Array;
  readonly #thread: number;
  readonly #rows: readonly number[];
  readonly #own: number;

  constructor({ counts, threads }: ClusterMemory, thread: number) {
    this.#words = new Int32Array(counts);
    this.#thread = thread;
    this.#rows = Array.from({ length: threads }, (_, index) => gaugesOf(index));
    this.#own = gaugesOf(thread);
  }

  get thread(): number {
    return this.#thread;
  }

  /** Of all threads. */
  sum(gauge: Gauge): number {
    let sum = 0;
    for (const row of this.#rows) sum += Atomics.load(this.#words, row + gauge);
    return sum;
  }

  /**
   * Takes a place; false when all threads together have `limit` already, 0 for none. Who takes the last place at the same moment as
   * another gives it back and looks again, so that the limit is never exceeded, not even for a moment by who got its place.
   */
  take(gauge: Gauge, limit: number): boolean {
    const at = this.#own + gauge;
    if (limit === 0) {
      this.#words[at] = (this.#words[at] ?? 0) + 1;
      return true;
    }
    for (let race = 0; race < MAX_PLACE_RACES; race++) {
      if (this.sum(gauge) >= limit) return false;
      // Ordered with the sum that follows: of two that take the last place at least one sees both.
      Atomics.add(this.#words, at, 1);
      if (this.sum(gauge) <= limit) return true;
      Atomics.sub(this.#words, at, 1);
    }
    return false;
  }

  giveBack(gauge: Gauge): void {
    const at = this.#own + gauge;
    this.#words[at] = (this.#words[at] ?? 0) - 1;
  }
}
