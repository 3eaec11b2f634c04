import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import type { NamedObjects as NamedObjectsOf } from '@ambit/translation/translate/waypoint/routes';
import { PushSchedule } from '@ambit/xds/push-schedule';
import { GATHER_MS } from '../limits.ts';
import type { Counters } from '../serve/counters.ts';
import type { RawObject } from './api-object.ts';
import type { Configuration, ConfigurationSource } from './configuration.ts';
import { ObjectStore } from './object-store.ts';
import { NamedObjects } from './named-objects.ts';
import { type NamedKind, WATCHED, WATCHED_KINDS, type WatchedKind } from './watched-kinds.ts';

export interface KubernetesObjectsParts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** Called with the whole when all kinds were read once, then at the first change at once and for what follows together. */
  readonly onChange: (configuration: Configuration) => void;
  /** Called with every object that changed in whatever part, also in one that the model does not have. */
  readonly onObject: (kind: WatchedKind, object: RawObject) => void;
}

/** How a kind is watched now. */
export interface KindState {
  readonly kind: string;
  /** `absent`: its CustomResourceDefinition is not installed. `stale`: the API server is away. */
  readonly state: string;
  readonly objects: number;
}

/** The objects of a cluster, watched kind by kind. */
export class KubernetesObjects implements ConfigurationSource {
  readonly #parts: KubernetesObjectsParts;
  readonly #store = new ObjectStore();
  readonly #informers: ReadonlyMap<WatchedKind, Informer<RawObject>>;
  readonly #named: NamedObjects;
  readonly #schedule: PushSchedule;
  #synced = false;
  /** Of the first change that nobody was told of yet. */
  #changedAt: number | undefined;

  constructor(parts: KubernetesObjectsParts) {
    this.#parts = parts;
    this.#schedule = new PushSchedule(parts.clock, GATHER_MS, () => {
      const changedAt = this.#changedAt ?? parts.clock.now();
      this.#changedAt = undefined;
      parts.onChange({ ...this.#store.configuration(), changedAt });
    });
    this.#named = new NamedObjects({
      ...{ client: parts.client, clock: parts.clock, log: parts.log },
      onChange: (kind, object, gone) => {
        if (gone ? this.#store.remove(kind, object) : this.#take(kind, object)) this.#changed();
      },
    });
    this.#informers = new Map(WATCHED_KINDS.map((kind) => [kind, this.#informer(kind)]));
  }

  async start(): Promise<void> {
    for (const informer of this.#informers.values()) informer.start();
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.synced));
    const absent = this.states().filter(({ state }) => state === 'absent');
    if (absent.length > 0) {
      const kinds = absent.map(({ kind }) => kind);
      this.#parts.log.warn(
        { kinds },
        'kinds are not installed, so nothing of them has an effect: install their CustomResourceDefinitions (the chart base does); they are taken up without a restart',
      );
    }
    this.#synced = true;
    this.#schedule.changed();
  }

  /** An object as the API server gave it last, its status too. `name`: `namespace/name`, or that of a cluster-wide object. */
  object(kind: WatchedKind, name: string): RawObject | undefined {
    const slash = name.indexOf('/');
    const informer = this.#informers.get(kind);
    return slash < 0 ? informer?.get(name) : informer?.get(name.slice(slash + 1), name.slice(0, slash));
  }

  /** All of a kind, in the same way. */
  objects(kind: WatchedKind): Iterable<RawObject> {
    return this.#informers.get(kind)?.values() ?? [];
  }

  /** The objects that those of the model name. */
  follow({ configMaps, secrets }: NamedObjectsOf): void {
    this.#named.follow('Secret', secrets);
    this.#named.follow('ConfigMap', configMaps);
  }

  states(): KindState[] {
    return Array.from(this.#informers, ([kind, { state, size }]) => ({ kind, state, objects: size }));
  }

  async close(options: { deadline: number }): Promise<void> {
    this.#schedule.stop();
    this.#named.destroy();
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.close(options)));
  }

  destroy(error?: Error): void {
    this.#schedule.stop();
    this.#named.destroy();
    for (const informer of this.#informers.values()) informer.destroy(error);
  }

  #informer(kind: WatchedKind): Informer<RawObject> {
    const { client, clock, log } = this.#parts;
    return new Informer<RawObject>({
      client,
      resource: WATCHED[kind],
      clock,
      log,
      onChange: ({ kind: change, object }) => {
        const isOther = change === 'deleted' ? this.#store.remove(kind, object) : this.#take(kind, object);
        if (!this.#synced) return;
        if (isOther) this.#changed();
        this.#parts.onObject(kind, object);
      },
    });
  }

  #changed(): void {
    this.#changedAt ??= this.#parts.clock.now();
    this.#schedule.changed();
  }

  /** Whether anything that is read of the object changed. */
  #take(kind: NamedKind | WatchedKind, object: RawObject): boolean {
    const taken = this.#store.put(kind, object);
    if (taken.outcome === 'refused') {
      const { name, message } = taken.refusal;
      this.#parts.counters.count('ambit_config_object_errors_total', { kind });
      this.#parts.log.error({ kind, name, reason: message }, 'object refused');
    } else if (taken.outcome === 'taken' && taken.recovered) {
      const { name, namespace } = object.metadata;
      this.#parts.log.info({ kind, name, namespace }, 'an object that was refused is right again');
    }
    return taken.outcome !== 'unchanged';
  }
}
