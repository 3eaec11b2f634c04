/** What a measure should reach, as a ratio to the peer or in its own unit. */
export interface Goal {
  readonly of: 'ratio' | 'value';
  readonly limit: number;
}

export interface Measure {
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly about: string;
  /** Latency: what the subject adds to the baseline of the same round is reported. Default false. */
  readonly added?: boolean;
  /** Default: none. */
  readonly goal?: Goal;
}

/** What a benchmark measures, by name in the JSON report and in the order of its table. */
export type Measures = Readonly<Record<string, Measure>>;

/** What one subject found in one round, by measure; for latencies the median itself. */
export type Findings = Readonly<Record<string, number | undefined>>;

/** The subject without proxies; what others add in latency is counted from it. */
export const BASELINE = 'direct';
