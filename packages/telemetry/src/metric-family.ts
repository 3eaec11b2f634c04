export type MetricType = 'counter' | 'gauge' | 'histogram';

/** What a metric is called and means. Samples carry one value per label, in this order. */
export interface MetricFamily {
  /** As scraped; a counter ends in `_total`. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram in rising order, without infinity; empty for the others. */
  readonly buckets: readonly number[];
}

export function counter(name: `${string}_total`, help: string, labels: readonly string[] = []): MetricFamily {
  return { name, type: 'counter', help, labels, buckets: [] };
}

export function gauge(name: string, help: string, labels: readonly string[] = []): MetricFamily {
  return { name, type: 'gauge', help, labels, buckets: [] };
}

export function histogram(
  name: string,
  help: string,
  buckets: readonly number[],
  labels: readonly string[] = [],
): MetricFamily {
  return { name, type: 'histogram', help, labels, buckets };
}
