import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import { CONFIG_MAPS } from '@ambit/kube/resource';
import type { ConfigMap } from '../ca/root-config-maps.ts';

export interface ParameterMapsParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** `namespace/name` of a ConfigMap that is there, gone or other now. */
  readonly onChange: (name: string) => void;
}

/** The ConfigMaps that Gateways name as their parameters, each watched by itself: a cluster has many others. */
export class ParameterMaps {
  readonly #parts: ParameterMapsParts;
  readonly #watched = new Map<string, { readonly informer: Informer<ConfigMap>; synced: boolean }>();

  constructor(parts: ParameterMapsParts) {
    this.#parts = parts;
  }

  /** The names, `namespace/name`, that are asked for now; others are not watched any more. */
  watch(names: ReadonlySet<string>): void {
    for (const [name, { informer }] of this.#watched) {
      if (names.has(name)) continue;
      informer.destroy();
      this.#watched.delete(name);
    }
    for (const name of names) if (!this.#watched.has(name)) this.#begin(name);
  }

  /** The data of one; undefined while it is not known whether it is there. */
  get(fullName: string): Readonly<Record<string, string>> | 'missing' | undefined {
    const entry = this.#watched.get(fullName);
    if (entry?.synced !== true) return undefined;
    const [namespace, name] = fullName.split('/');
    const object = entry.informer.get(name ?? '', namespace);
    return object === undefined ? 'missing' : (object.data ?? {});
  }

  destroy(): void {
    this.watch(new Set());
  }

  #begin(fullName: string): void {
    const [namespace = '', name = ''] = fullName.split('/');
    const { onChange, ...parts } = this.#parts;
    const informer = new Informer<ConfigMap>({
      ...parts,
      resource: CONFIG_MAPS,
      namespace,
      fieldSelector: `metadata.name=${name}`,
      onChange: () => onChange(fullName),
    });
    const entry = { informer, synced: false };
    this.#watched.set(fullName, entry);
    void informer.synced.then(() => {
      entry.synced = true;
      onChange(fullName);
    });
    informer.start();
  }
}
