import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import { NAMED_OBJECTS } from '../limits.ts';
import { type RawObject, fieldUnder } from './api-object.ts';
import { NAMED, type NamedKind } from './watched-kinds.ts';

export interface NamedObjectsParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** `gone`: it is not there any more, or nobody names it. */
  readonly onChange: (kind: NamedKind, object: RawObject, gone: boolean) => void;
}

/** Keys of which something is read. */
const KEYS: { readonly [Kind in NamedKind]: readonly string[] } = {
  ConfigMap: ['ca.crt'],
  Secret: ['ca.crl', 'ca.crt', 'cacert', 'cert', 'crl', 'key', 'tls.crt', 'tls.key'],
};

/**
 * Objects that others name, each watched by itself (`metadata.name`), so that a Role for single names is enough. Of their data
 * only what is read is kept.
 */
export class NamedObjects {
  readonly #parts: NamedObjectsParts;
  /** By `Kind namespace/name`. */
  readonly #watched = new Map<string, Informer<RawObject>>();

  constructor(parts: NamedObjectsParts) {
    this.#parts = parts;
  }

  /** `names`: `namespace/name` of those of the kind that are named now; others are forgotten. */
  follow(kind: NamedKind, names: ReadonlySet<string>): void {
    for (const [key, informer] of this.#watched) {
      const name = key.slice(kind.length + 1);
      if (!key.startsWith(`${kind} `) || names.has(name)) continue;
      this.#watched.delete(key);
      for (const object of informer.values()) this.#parts.onChange(kind, object, true);
      informer.destroy();
    }
    for (const name of names) {
      if (this.#watched.has(`${kind} ${name}`)) continue;
      if (this.#watched.size < NAMED_OBJECTS) this.#begin(kind, name);
      else
        this.#parts.log.warn({ kind, name, limit: NAMED_OBJECTS }, 'too many objects are named: this one is not read');
    }
  }

  destroy(): void {
    for (const informer of this.#watched.values()) informer.destroy();
    this.#watched.clear();
  }

  #begin(kind: NamedKind, fullName: string): void {
    const [namespace = '', name = ''] = fullName.split('/');
    const { onChange, ...parts } = this.#parts;
    const informer = new Informer<RawObject>({
      ...parts,
      ...{ resource: NAMED[kind], namespace, fieldSelector: `metadata.name=${name}` },
      keep: (object) => keptPart(kind, object),
      onChange: ({ kind: change, object }) => {
        onChange(kind, object, change === 'deleted');
      },
    });
    this.#watched.set(`${kind} ${fullName}`, informer);
    informer.start();
  }
}

function keptPart(kind: NamedKind, { apiVersion, metadata, data }: RawObject): RawObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  const kept = KEYS[kind].flatMap((key) => {
    const value = fieldUnder(data, key);
    return typeof value === 'string' ? [[key, value] as const] : [];
  });
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    data: Object.fromEntries(kept),
  };
}
