import { selects } from '../../labels.ts';
import type { Pod, Texts } from '../../objects.ts';
import type { TranslationSettings } from '../settings.ts';
import { podUid } from '../workload.ts';

/** The published pods as clients. */
export class SourceWorkloads {
  readonly #settings: TranslationSettings;
  readonly #pods: readonly Pod[];
  readonly #known = new Map<string, string[]>();

  constructor(pods: readonly Pod[], settings: TranslationSettings) {
    this.#settings = settings;
    this.#pods = pods;
  }

  /** Uids of the pods that carry labels, of one namespace or (empty) any, sorted. */
  uidsWith(labels: Texts, namespace: string): readonly string[] {
    const key = JSON.stringify([namespace, Object.entries(labels).sort()]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const uids = this.#pods
      .filter(({ metadata }) => namespace === '' || metadata.namespace === namespace)
      .filter(({ metadata }) => selects(labels, metadata.labels))
      .map((pod) => podUid(pod, this.#settings))
      .sort();
    this.#known.set(key, uids);
    return uids;
  }
}
