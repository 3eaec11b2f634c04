import type { Measures } from '../result/measure.ts';
import type { Subject } from './stand.ts';

/** A benchmark as its rounds are run. */
export interface Benchmark {
  readonly measures: Measures;
  readonly subjects: readonly Subject[];
  /** Which processors the parts have to themselves, for the conditions. */
  readonly pinning: string;
  /** Where the access logs go, for the conditions. */
  readonly accessLog: string;
  /** What the peer's binary says of itself. */
  readonly peerVersion: string | undefined;
}
