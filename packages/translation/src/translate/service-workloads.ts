import type { Texts } from '../objects.ts';

/** A published workload and its labels. */
export interface LabelledWorkload {
  readonly uid: string;
  readonly labels: Texts | undefined;
}

/** The published workloads behind each Service and host of a ServiceEntry. */
export class ServiceWorkloads {
  readonly #workloads = new Map<string, LabelledWorkload[]>();

  /** Notes which services (`namespace/hostname`) a workload serves. */
  add(workload: LabelledWorkload, services: Iterable<string>): void {
    for (const key of services) {
      const known = this.#workloads.get(key);
      if (known === undefined) this.#workloads.set(key, [workload]);
      else known.push(workload);
    }
  }

  /** Uids of the workloads behind a service for which a test holds, sorted. */
  uidsOf(key: string, holds: (labels: Texts | undefined) => boolean): string[] {
    const workloads = (this.#workloads.get(key) ?? []).filter(({ labels }) => holds(labels));
    return workloads.map(({ uid }) => uid).sort();
  }
}
