/** Microseconds at given shares of the requests. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Latencies in one array that never grows during a run; what does not fit is counted but not kept. */
export class Latencies {
  readonly #microseconds: Float32Array;
  #count = 0;

  constructor(capacity: number) {
    this.#microseconds = new Float32Array(capacity);
  }

  add(milliseconds: number): void {
    this.#microseconds[this.#count] = milliseconds * 1000;
    this.#count += 1;
  }

  summary(): LatencySummary {
    const sorted = this.#microseconds.slice(0, Math.min(this.#count, this.#microseconds.length)).sort();
    const at = (share: number): number => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
    return {
      count: this.#count,
      p50: at(0.5),
      p90: at(0.9),
      p95: at(0.95),
      p99: at(0.99),
      p999: at(0.999),
      max: at(1),
    };
  }
}
