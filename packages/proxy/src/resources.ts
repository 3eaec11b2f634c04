import type { Logger } from '@ambit/core/log';
import { MeshStore } from '@ambit/mesh/mesh-store';
import { type ResourceBatch, writeBatch } from '@ambit/mesh/resource/batch';
import type { RawResource, ResourceType } from '@ambit/mesh/resource/encode';
import { encodeSnapshot } from '@ambit/mesh/resource/snapshot';
import type { StoreChanges } from '@ambit/mesh/store/changes';
import type { RejectedResource, ResourceUpdate } from '@ambit/xds/resource';
import { EndpointNames, type EndpointNamesParts } from './names/endpoint-names.ts';
import { NamedEndpoints } from './names/named-endpoints.ts';

export const ADDRESS_TYPE = 'type.googleapis.com/istio.workload.Address';
export const AUTHORIZATION_TYPE = 'type.googleapis.com/istio.security.Authorization';

const TYPES: Readonly<Record<string, ResourceType>> = {
  [ADDRESS_TYPE]: 'address',
  [AUTHORIZATION_TYPE]: 'authorization',
};

export interface ResourcesOptions {
  readonly network: string;
  readonly clusterDomain: string;
  readonly log: Logger;
  /** Gives a batch to every data thread; resolves when all of them have applied it. */
  readonly distribute: (batch: ResourceBatch) => Promise<void>;
  /** The state changed and is applied everywhere: it may be saved for a successor. `changes`: undefined when nothing is new. */
  readonly onApplied: (changes: StoreChanges | undefined) => void;
  /** How names of endpoints are looked up. */
  readonly names: Omit<EndpointNamesParts, 'log' | 'onChange'>;
}

/** What the controller said, on its way to the data threads. */
export class Resources {
  #store: MeshStore;
  readonly #options: ResourcesOptions;
  #generation = 0;
  #snapshot: ResourceBatch | undefined;
  #synced = new Set<string>();
  /** A predecessor's state is here, and nobody has said whether it holds. */
  #restored = false;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #firstSync = Promise.withResolvers<undefined>();
  /** The names by which endpoints are known, and what they stand for. */
  readonly names: EndpointNames;
  readonly #named: NamedEndpoints;
  /** Names of which something else is known than what is in force. */
  readonly #changedNames = new Set<string>();

  constructor(options: ResourcesOptions) {
    this.#options = options;
    this.#store = new MeshStore({ network: options.network, clusterDomain: options.clusterDomain });
    this.names = new EndpointNames({
      ...options.names,
      log: options.log,
      onChange: (name) => {
        this.#nameChanged(name);
      },
    });
    this.#named = new NamedEndpoints(this.names);
  }

  /** Resolves when the mesh is known: from a predecessor's state, or when the controller has answered for every type. */
  get known(): Promise<undefined> {
    return this.#firstSync.promise;
  }

  /** The same state as on every data thread. */
  get store(): MeshStore {
    return this.#store;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The whole state as one batch, for a data thread or a process that starts. The same object until something changes. */
  snapshot(): ResourceBatch {
    this.#snapshot ??= encodeSnapshot(this.store, this.#generation);
    return this.#snapshot;
  }

  /**
   * Takes over the state of a predecessor, before any thread runs. It counts as the mesh when it is `believe`d, or once
   * the controller has said what differs from it.
   */
  restore(batch: ResourceBatch): void {
    const store = new MeshStore({ network: this.#options.network, clusterDomain: this.#options.clusterDomain });
    store.apply(batch);
    this.#store = store;
    this.#follow(Array.from(store.workloads.all(), ({ keys }) => keys.uid));
    this.#generation = Math.max(this.#generation, batch.generation);
    this.#restored = true;
  }

  /** What was restored is the mesh. False when there is nothing to believe, or the mesh is known already. */
  believe(): boolean {
    if (!this.#restored) return false;
    this.#restored = false;
    this.#firstSync.resolve(undefined);
    return true;
  }

  /**
   * Applies one update of the controller: resolves, when every data thread works by it, with what was refused.
   * Updates are applied one after another, in their order.
   */
  apply(update: ResourceUpdate): Promise<RejectedResource[]> {
    const applied = this.#queue.then(() => this.#apply(update));
    this.#queue = applied.catch(() => undefined);
    return applied;
  }

  async #apply(update: ResourceUpdate): Promise<RejectedResource[]> {
    const type = TYPES[update.typeUrl];
    if (type === undefined)
      return update.resources.map(({ name }) => ({ name, reason: `type ${update.typeUrl} was not asked for` }));
    // The protobuf runtime is loaded with the first update: a successor serves before that.
    const { encodeBatch } = await import('@ambit/mesh/resource/encode');
    const { batch, rejected } = encodeBatch({
      generation: ++this.#generation,
      resources: update.resources.map(({ name, version, bytes }): RawResource => ({ type, name, version, bytes })),
      removals: update.removed.map((name) => ({ type, name })),
      adapt: (workload) => this.#named.adapt(workload),
    });
    const changes = await this.#putInForce(batch);
    for (const { name, reason } of rejected)
      this.#options.log.error(
        { type, name, reason },
        'a resource of the controller is refused; its last good version stays in force',
      );
    if (update.first) this.#synced.add(update.typeUrl);
    if (this.#synced.size === Object.keys(TYPES).length) {
      this.#restored = false;
      this.#firstSync.resolve(undefined);
    }
    this.#options.onApplied(changes);
    return rejected.map(({ name, reason }) => ({ name, reason }));
  }

  async #putInForce(batch: ResourceBatch): Promise<StoreChanges | undefined> {
    this.store.apply(batch);
    const changes = this.store.takeChanges();
    this.#snapshot = undefined;
    this.#follow(changes?.workloads ?? []);
    await this.#options.distribute(batch);
    return changes;
  }

  #follow(uids: Iterable<string>): void {
    for (const name of this.#named.follow(uids, this.store)) this.#nameChanged(name);
  }

  /** What comes while an update is under way goes out together. */
  #nameChanged(name: string): void {
    this.#changedNames.add(name);
    if (this.#changedNames.size > 1) return;
    const applied = this.#queue.then(async () => {
      const names = [...this.#changedNames];
      this.#changedNames.clear();
      const entries = names.flatMap((changed) => this.#named.entries(changed, this.store));
      if (entries.length === 0) return;
      const batch = writeBatch(this.#generation + 1, false, entries);
      this.#generation += 1;
      this.#options.onApplied(await this.#putInForce(batch));
    });
    this.#queue = applied.catch(() => undefined);
  }
}
