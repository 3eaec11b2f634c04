import type { FetchPriority } from './certificate.ts';

const ORDER: readonly FetchPriority[] = ['realtime', 'warmup', 'background'];

/** Runs jobs, at most `limit` at once, the most urgent first and among equals the earliest. One job per key. */
export class FetchQueue {
  readonly #limit: number;
  readonly #waiting: Record<FetchPriority, Map<string, () => Promise<void>>> = {
    realtime: new Map(),
    warmup: new Map(),
    background: new Map(),
  };
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waiting jobs. */
  get length(): number {
    return ORDER.reduce((sum, priority) => sum + this.#waiting[priority].size, 0);
  }

  /** Adds a job that never rejects. A key that waits already keeps its job and takes the more urgent priority. */
  add(key: string, priority: FetchPriority, job: () => Promise<void>): void {
    const present = ORDER.find((other) => this.#waiting[other].has(key));
    if (present !== undefined) {
      if (ORDER.indexOf(present) <= ORDER.indexOf(priority)) return;
      this.#waiting[present].delete(key);
    }
    this.#waiting[priority].set(key, job);
    this.#startNext();
  }

  /** Takes a waiting job out; one that runs is not touched. */
  remove(key: string): void {
    for (const priority of ORDER) this.#waiting[priority].delete(key);
  }

  clear(): void {
    for (const priority of ORDER) this.#waiting[priority].clear();
  }

  #startNext(): void {
    while (this.#running < this.#limit) {
      const queue = ORDER.map((priority) => this.#waiting[priority]).find((waiting) => waiting.size > 0);
      const next = queue?.entries().next().value;
      if (queue === undefined || next === undefined) return;
      queue.delete(next[0]);
      this.#running += 1;
      void next[1]().finally(() => {
        this.#running -= 1;
        this.#startNext();
      });
    }
  }
}
