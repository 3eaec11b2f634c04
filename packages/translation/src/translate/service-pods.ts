import type { Pod } from '../objects.ts';
import type { TranslationSettings } from './settings.ts';
import { podUid } from './workload.ts';

/** The published pods behind each Service. */
export class ServicePods {
  readonly #settings: TranslationSettings;
  readonly #pods = new Map<string, Pod[]>();

  constructor(settings: TranslationSettings) {
    this.#settings = settings;
  }

  /** Notes which Services (`namespace/hostname`) a pod serves. */
  add(pod: Pod, services: Iterable<string>): void {
    for (const key of services) {
      const known = this.#pods.get(key);
      if (known === undefined) this.#pods.set(key, [pod]);
      else known.push(pod);
    }
  }

  /** Uids of the workloads behind a Service for which a test holds, sorted. */
  uidsOf(key: string, holds: (pod: Pod) => boolean): string[] {
    const pods = (this.#pods.get(key) ?? []).filter((pod) => holds(pod));
    return pods.map((pod) => podUid(pod, this.#settings)).sort();
  }
}
