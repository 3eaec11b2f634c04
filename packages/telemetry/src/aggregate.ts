import type { MetricFamily } from './metric-family.ts';
import type { CollectedFamily, MetricsSnapshot, Sample } from './snapshot.ts';

/**
 * Adds up what the threads of a process counted. A thread that ends leaves its counters here, so that no sum falls when
 * it is replaced; its gauges end with it.
 */
export class MetricsAggregate {
  readonly #families: readonly MetricFamily[];
  readonly #threads = new Map<string, MetricsSnapshot>();
  readonly #ended: MetricsSnapshot[] = [];

  /** `families` gives order and meaning; samples of others are left out. */
  constructor(families: readonly MetricFamily[]) {
    this.#families = families;
  }

  /** Takes the newest snapshot of a thread in place of its last one. */
  update(thread: string, snapshot: MetricsSnapshot): void {
    this.#threads.set(thread, snapshot);
  }

  /** Keeps what an ended thread counted up to its last snapshot. */
  ended(thread: string): void {
    const snapshot = this.#threads.get(thread);
    if (snapshot === undefined) return;
    this.#threads.delete(thread);
    const gauges = new Set(this.#families.filter(({ type }) => type === 'gauge').map(({ name }) => name));
    this.#ended.push(snapshot.filter(({ name }) => !gauges.has(name)));
    // One sum instead of one snapshot per thread that ever ended.
    const sum = this.#sum(this.#ended).map(({ family, samples }) => ({ name: family.name, samples }));
    this.#ended.splice(0, this.#ended.length, sum);
  }

  /** Drops what ended threads counted for label sets that nobody needs any more, such as those of removed workloads. */
  forgetEnded(keep: (name: string, labels: readonly string[]) => boolean): void {
    const kept = this.#ended.map((snapshot) =>
      snapshot.map(({ name, samples }) => ({ name, samples: samples.filter(({ labels }) => keep(name, labels)) })),
    );
    this.#ended.splice(0, this.#ended.length, ...kept);
  }

  /** All families with at least one sample. */
  collect(): CollectedFamily[] {
    return this.#sum([...this.#ended, ...this.#threads.values()]);
  }

  #sum(snapshots: readonly MetricsSnapshot[]): CollectedFamily[] {
    const byName = new Map<string, Map<string, SummedSample>>();
    for (const snapshot of snapshots) {
      for (const { name, samples } of snapshot) {
        let sums = byName.get(name);
        if (sums === undefined) {
          sums = new Map();
          byName.set(name, sums);
        }
        for (const sample of samples) addSample(sums, sample);
      }
    }
    return this.#families.flatMap((family) => {
      const samples = [...(byName.get(family.name)?.values() ?? [])];
      return samples.length > 0 ? [{ family, samples }] : [];
    });
  }
}

interface SummedSample extends Sample {
  readonly values: number[];
}

function addSample(sums: Map<string, SummedSample>, { names, labels, values }: Sample): void {
  const key = (names === undefined ? labels : [...labels, ...names]).join('\u0000');
  const sum = sums.get(key);
  if (sum === undefined) {
    sums.set(key, { ...(names === undefined ? {} : { names }), labels, values: [...values] });
    return;
  }
  for (const [index, value] of values.entries()) sum.values[index] = (sum.values[index] ?? 0) + value;
}
