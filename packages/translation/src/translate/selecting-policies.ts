import { selects } from '../labels.ts';
import { type AuthorizationPolicy, type Metadata, objectName } from '../objects.ts';
import type { TranslationSettings } from './settings.ts';

/** Policies with a selector, by the namespace whose pods they select; those of the root namespace select everywhere. */
export class SelectingPolicies {
  readonly #byNamespace = new Map<string, AuthorizationPolicy[]>();
  readonly #rootNamespace: string;

  constructor(policies: readonly AuthorizationPolicy[], settings: TranslationSettings) {
    this.#rootNamespace = settings.rootNamespace;
    for (const policy of policies) {
      if (policy.spec.selector === undefined) continue;
      const { namespace } = policy.metadata;
      this.#byNamespace.set(namespace, [...(this.#byNamespace.get(namespace) ?? []), policy]);
    }
  }

  namesFor(metadata: Pick<Metadata, 'labels' | 'namespace'>): string[] {
    return [...new Set([metadata.namespace, this.#rootNamespace])]
      .flatMap((namespace) => this.#byNamespace.get(namespace) ?? [])
      .filter(({ spec }) => selects(spec.selector?.matchLabels ?? {}, metadata.labels))
      .map((policy) => objectName(policy.metadata))
      .sort();
  }
}
