import { machineCpu, processCpu } from '../usage/process-cpu.ts';
import type { LatencySummary } from './latencies.ts';

/** What one run of the generator found between the end of its warm-up and the end of its time. */
export interface LoadReport {
  /** Length of the window, as it turned out. */
  readonly seconds: number;
  /** Requests, connections or bytes finished within the window. */
  readonly done: number;
  readonly errors: number;
  /** Finished from the start to the end, outside of the window as well. */
  readonly total: number;
  /** Intended requests per second, absent in a closed loop. */
  readonly rate?: number;
  /** Most requests that waited for a free connection at once. */
  readonly longestQueue?: number;
  /** Of `total`, answers made of `y`: those of the other one of two servers. Requests on connections that stay open only. */
  readonly others?: number;
  /** Absent for bulk. */
  readonly latency?: LatencySummary;
  /** Processor time in nanoseconds of the watched processes within the window, in the order they were named. */
  readonly cpu: readonly number[];
  /** Processor time in nanoseconds of the whole machine within the window. */
  readonly machineCpu: number;
}

/** Counts and reads usage between two instants. `turn` is to be called often; reading takes well under a millisecond. */
export class Window {
  readonly begin: number;
  readonly end: number;
  /** Finished so far, warm-up included; the generator adds to it. */
  done = 0;
  readonly #watched: readonly number[];
  #phase: 'warm-up' | 'measuring' | 'over' = 'warm-up';
  #openedAt = 0;
  #closedAt = 0;
  #doneBefore = 0;
  #doneWithin = 0;
  #cpu: number[] = [];
  #machine = 0;

  constructor(begin: number, milliseconds: number, watched: readonly number[]) {
    this.begin = begin;
    this.end = begin + milliseconds;
    this.#watched = watched;
  }

  /** Milliseconds until something is to be done here, at most `limit`. */
  untilNext(now: number, limit: number): number {
    if (this.#phase === 'over') return limit;
    return Math.max(0, Math.min(limit, Math.ceil((this.#phase === 'warm-up' ? this.begin : this.end) - now)));
  }

  turn(now: number): void {
    if (this.#phase === 'warm-up' && now >= this.begin) {
      this.#phase = 'measuring';
      this.#openedAt = now;
      this.#doneBefore = this.done;
      this.#cpu = this.#watched.map((pid) => processCpu(pid));
      this.#machine = machineCpu();
    } else if (this.#phase === 'measuring' && now >= this.end) {
      this.#phase = 'over';
      this.#closedAt = now;
      this.#doneWithin = this.done - this.#doneBefore;
      this.#cpu = this.#watched.map((pid, index) => processCpu(pid) - (this.#cpu[index] ?? 0));
      this.#machine = machineCpu() - this.#machine;
    }
  }

  /** True for an instant within the window. */
  covers(instant: number): boolean {
    return instant >= this.begin && instant < this.end;
  }

  report(errors: number, more: Pick<LoadReport, 'rate' | 'longestQueue' | 'others' | 'latency'>): LoadReport {
    const seconds = (this.#closedAt - this.#openedAt) / 1000;
    return {
      seconds,
      done: this.#doneWithin,
      total: this.done,
      errors,
      ...more,
      cpu: this.#cpu,
      machineCpu: this.#machine,
    };
  }
}
