import type { MetricFamily } from './metric-family.ts';

/** One set of labels of a family: a single number, or for a histogram the count per bucket, the one above, and the sum. */
export interface Sample {
  /** Of the labels, when they are not those of the family. */
  readonly names?: readonly string[];
  /** One value per label. */
  readonly labels: readonly string[];
  readonly values: readonly number[];
}

/** The samples of a family as they cross threads. */
export interface FamilySamples {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** All that one thread counted; plain data for structured clone. */
export type MetricsSnapshot = readonly FamilySamples[];

/** The samples of one family, labels made unique. */
export interface CollectedFamily {
  readonly family: MetricFamily;
  readonly samples: readonly Sample[];
}
