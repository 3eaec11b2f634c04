import { selects } from '../../labels.ts';
import type { Texts } from '../../objects.ts';
import type { LabelledWorkload } from '../service-workloads.ts';

/** A workload that may be a client. */
export interface ClientWorkload extends LabelledWorkload {
  readonly namespace: string;
}

/** The published workloads as clients. */
export class SourceWorkloads {
  readonly #workloads: readonly ClientWorkload[];
  readonly #known = new Map<string, string[]>();

  constructor(workloads: readonly ClientWorkload[]) {
    this.#workloads = workloads;
  }

  /** Uids of those that carry labels, of one namespace or (empty) any, sorted. */
  uidsWith(labels: Texts, namespace: string): readonly string[] {
    const key = JSON.stringify([namespace, Object.entries(labels).sort()]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const uids = this.#workloads
      .filter((workload) => namespace === '' || workload.namespace === namespace)
      .filter((workload) => selects(labels, workload.labels))
      .map(({ uid }) => uid)
      .sort();
    this.#known.set(key, uids);
    return uids;
  }
}
