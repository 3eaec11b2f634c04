import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import type { Resource } from '@ambit/kube/resource';
import { fieldUnder, keyOf, type RawObject } from './api-object.ts';
import type { KindState } from './kubernetes.ts';
import { NOT_HONOURED_KINDS, type NotHonouredKind } from './not-honoured-kinds.ts';

export interface NotHonouredObject {
  readonly kind: NotHonouredKind;
  /** `namespace/name`. */
  readonly name: string;
  /** Of its spec only what says whom it is for. */
  readonly object: RawObject;
}

export interface NotHonouredObjectsParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with the key of the kind and `namespace/name` of every object that is there, gone or other now. */
  readonly onChange: (key: string, name: string) => void;
}

/** What is watched of a kind: its newest version, and the older ones from when that turns out not to be served. */
interface Watched {
  readonly resource: Resource;
  readonly informer: Informer<RawObject>;
}

/**
 * The objects that nobody here acts on, watched so that they can be named. Nothing waits for them, and little of them is
 * kept. Kinds that are not installed have none.
 */
export class NotHonouredObjects implements Drainable {
  readonly #parts: NotHonouredObjectsParts;
  readonly #watched = new Map<string, Watched[]>();
  #begun = false;
  #closed = false;

  constructor(parts: NotHonouredObjectsParts) {
    const { log } = parts;
    const quiet: Logger = {
      debug: log.debug.bind(log),
      // That one of these kinds is not installed is no news.
      info: log.debug.bind(log),
      warn: log.warn.bind(log),
      error: log.error.bind(log),
      fatal: log.fatal.bind(log),
    };
    this.#parts = { ...parts, log: quiet };
  }

  /** The first call counts. */
  start(): void {
    if (this.#begun) return;
    this.#begun = true;
    for (const kind of NOT_HONOURED_KINDS) this.#follow(kind, 0);
  }

  get(key: string, name: string): RawObject | undefined {
    const slash = name.indexOf('/');
    for (const { informer } of this.#watched.get(key) ?? []) {
      const object = informer.get(name.slice(slash + 1), name.slice(0, slash));
      if (object !== undefined) return object;
    }
    return undefined;
  }

  /** In the order of kinds. An object that is served in two versions is one object. */
  values(): NotHonouredObject[] {
    return NOT_HONOURED_KINDS.flatMap((kind) => {
      const objects = (this.#watched.get(kind.key) ?? []).flatMap(({ informer }) => [...informer.values()]);
      const byName = new Map(objects.reverse().map((object) => [keyOf(object), object]));
      return Array.from(byName, ([name, object]): NotHonouredObject => ({ kind, name, object }));
    });
  }

  /** The version in which objects of a kind can be written. */
  resourceOf(key: string): Resource {
    const watched = this.#watched.get(key) ?? [];
    const served = watched.find(({ informer }) => informer.size > 0) ?? watched[0];
    const resource = served?.resource ?? NOT_HONOURED_KINDS.find((kind) => kind.key === key)?.resources[0];
    if (resource === undefined) throw new RangeError(`${key} is not watched`);
    return resource;
  }

  states(): KindState[] {
    return NOT_HONOURED_KINDS.map(({ key }) => {
      const watched = this.#watched.get(key) ?? [];
      const served = watched.find(({ informer }) => informer.state !== 'absent') ?? watched[0];
      return { kind: key, state: served?.informer.state ?? 'starting', objects: served?.informer.size ?? 0 };
    });
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#closed = true;
    for (const { informer } of [...this.#watched.values()].flat()) informer.destroy();
  }

  #follow(kind: NotHonouredKind, index: number): void {
    const resource = kind.resources[index];
    const known = this.#watched.get(kind.key) ?? [];
    if (resource === undefined || known.length > index || this.#closed) return;
    const { client, clock, log, onChange } = this.#parts;
    const informer = new Informer<RawObject>({
      ...{ client, clock, log, resource },
      keep: (object) => keptPart(kind, object),
      onChange: ({ object }) => onChange(kind.key, keyOf(object)),
      onState: (state) => {
        if (state === 'absent') this.#follow(kind, index + 1);
      },
    });
    this.#watched.set(kind.key, [...known, { resource, informer }]);
    informer.start();
  }
}

/** A spec may be large (filters, code), and annotations often hold it once more. */
function keptPart({ scopedBy }: NotHonouredKind, object: RawObject): RawObject {
  const { name, namespace, uid, resourceVersion, generation, labels } = object.metadata;
  const scope = scopedBy === undefined ? undefined : fieldUnder(object.spec, scopedBy);
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(generation === undefined ? {} : { generation }),
      ...(labels === undefined ? {} : { labels }),
    },
    ...(scopedBy === undefined || scope === undefined ? {} : { spec: { [scopedBy]: scope } }),
    ...(object.status === undefined ? {} : { status: object.status }),
  };
}
