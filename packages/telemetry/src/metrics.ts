import { CONNECTIONS_CLOSED, CONNECTIONS_FAILED, CONNECTIONS_OPENED, RECEIVED_BYTES, SENT_BYTES } from './families.ts';
import type { MetricFamily } from './metric-family.ts';
import type { FamilySamples, MetricsSnapshot, Sample } from './snapshot.ts';
import { TrafficMetrics, type TrafficSeries } from './traffic-metrics.ts';

/** A counter or gauge with its labels bound: add to `value`, or set it. */
export class NumberMetric {
  value = 0;
}

/** A histogram with its labels bound. */
export class HistogramMetric {
  readonly #bounds: readonly number[];
  /** Observations per bucket, the last one for all above the highest bound. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

interface Bound<Metric> {
  readonly labels: readonly string[];
  readonly metric: Metric;
}

/**
 * The metrics of one thread. Take a bound metric once and keep it where the label values are fixed; nothing here is
 * shared with other threads, which send snapshots instead.
 */
export class Metrics {
  readonly traffic: TrafficMetrics = new TrafficMetrics();
  readonly #numbers = new Map<MetricFamily, Map<string, Bound<NumberMetric>>>();
  readonly #histograms = new Map<MetricFamily, Map<string, Bound<HistogramMetric>>>();

  /** A counter or gauge of `family`; `labels` has one value per label of it. */
  number(family: MetricFamily, ...labels: string[]): NumberMetric {
    return bound(this.#numbers, family, labels, () => new NumberMetric());
  }

  histogram(family: MetricFamily, ...labels: string[]): HistogramMetric {
    return bound(this.#histograms, family, labels, () => new HistogramMetric(family.buckets));
  }

  /** Forgets a labelled metric whose object is gone (an identity, a thread). */
  remove(family: MetricFamily, ...labels: string[]): void {
    const key = keyOf(labels);
    this.#numbers.get(family)?.delete(key);
    this.#histograms.get(family)?.delete(key);
  }

  snapshot(): MetricsSnapshot {
    const families: FamilySamples[] = trafficSamples(this.traffic.all());
    for (const [{ name }, metrics] of this.#numbers) {
      const samples = [...metrics.values()].map(({ labels, metric }) => ({ labels, values: [metric.value] }));
      families.push({ name, samples });
    }
    for (const [{ name }, metrics] of this.#histograms) {
      const samples = [...metrics.values()].map(({ labels, metric }) => {
        return { labels, values: [...metric.counts, metric.sum] };
      });
      families.push({ name, samples });
    }
    return families;
  }
}

function bound<Metric>(
  families: Map<MetricFamily, Map<string, Bound<Metric>>>,
  family: MetricFamily,
  labels: readonly string[],
  make: () => Metric,
): Metric {
  let metrics = families.get(family);
  if (metrics === undefined) {
    metrics = new Map();
    families.set(family, metrics);
  }
  const key = keyOf(labels);
  let entry = metrics.get(key);
  if (entry === undefined) {
    entry = { labels, metric: make() };
    metrics.set(key, entry);
  }
  return entry.metric;
}

/** No label value of ours holds the separator; a foreign one that does only shares a counter with its twin. */
function keyOf(labels: readonly string[]): string {
  return labels.length === 1 ? (labels[0] ?? '') : labels.join('\u0000');
}

function trafficSamples(all: ReadonlySet<TrafficSeries>): FamilySamples[] {
  const opened: Sample[] = [];
  const closed: Sample[] = [];
  const failed: Sample[] = [];
  const received: Sample[] = [];
  const sent: Sample[] = [];
  for (const series of all) {
    const labels = series.labels();
    if (series.opened > 0) opened.push({ labels, values: [series.opened] });
    if (series.closed > 0) closed.push({ labels, values: [series.closed] });
    if (series.failed > 0) failed.push({ labels, values: [series.failed] });
    // Only what was relayed has bytes to count.
    if (series.flag !== '-') continue;
    received.push({ labels, values: [series.received] });
    sent.push({ labels, values: [series.sent] });
  }
  return [
    { name: CONNECTIONS_OPENED.name, samples: opened },
    { name: CONNECTIONS_CLOSED.name, samples: closed },
    { name: CONNECTIONS_FAILED.name, samples: failed },
    { name: RECEIVED_BYTES.name, samples: received },
    { name: SENT_BYTES.name, samples: sent },
  ];
}
