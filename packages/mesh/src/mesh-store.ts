import type { IpAddress } from '@ambit/core/address';
import { sameSpiffeId } from '@ambit/core/spiffe';
import { EndpointSet } from './endpoint/endpoint-set.ts';
import { lostParts } from './endpoint/resolved.ts';
import { APPLY_BETWEEN_CLOCK_READS, COMPACT_BELOW_ONE_IN, COMPACT_FROM_BYTES } from './limits.ts';
import type { Policy } from './policy/policy.ts';
import type { PolicySet } from './policy/policy-set.ts';
import { BatchReader, type ResourceBatch } from './resource/batch.ts';
import type { PolicyKeys, ServiceKeys } from './resource/keys.ts';
import { parsePolicy, parseService } from './resource/record.ts';
import { parseWorkload, parseWorkloadKeys, type WorkloadKeys } from './resource/workload-record.ts';
import type { Service } from './service.ts';
import { StoreChanges } from './store/changes.ts';
import { PolicyStore } from './store/policy-store.ts';
import { ServiceStore } from './store/service-store.ts';
import { BatchMemory, StoredResource } from './store/stored-resource.ts';
import { WorkloadStore } from './store/workload-store.ts';
import type { Workload } from './workload.ts';

export interface MeshStoreOptions {
  /** The network of this node; addresses are looked up in it. Default empty. */
  readonly network?: string;
  /** Only pods of this node are found by `findOwn`: it saves memory to know no others. Default: of all nodes. */
  readonly node?: string;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** Wins among services of foreign namespaces with the same hostname. Default none. */
  readonly preferredServiceNamespace?: string;
}

/**
 * All that a proxy knows of the mesh: workloads, services and policies with their indexes. One per thread, fed with the
 * same batches. Resources are decoded when they are first used.
 */
export class MeshStore {
  readonly network: string;
  readonly clusterDomain: string;
  readonly preferredServiceNamespace: string | undefined;
  readonly workloads: WorkloadStore = new WorkloadStore();
  readonly services: ServiceStore = new ServiceStore();
  readonly policies: PolicyStore = new PolicyStore();
  readonly #node: string | undefined;
  readonly #endpoints = new Map<string, EndpointSet>();
  readonly #internService = (key: string): string => this.#endpointsFor(key).serviceKey;
  readonly #waiting: ResourceBatch[] = [];
  #reader: BatchReader | undefined;
  #memory: BatchMemory | undefined;
  /** While a whole state is applied: what it has named so far. */
  #named: Set<string> | undefined;
  #generation = 0;
  #revision = 0;
  #changes = new StoreChanges();

  constructor(options: MeshStoreOptions = {}) {
    this.network = options.network ?? '';
    this.#node = options.node;
    this.clusterDomain = options.clusterDomain ?? 'cluster.local';
    this.preferredServiceNamespace = options.preferredServiceNamespace;
  }

  /** The generation of the last batch that is applied as a whole; 0 before the first. */
  get generation(): number {
    return this.#generation;
  }

  /** Changes with everything that is applied, also within a batch: what was looked up before may not hold any more. */
  get revision(): number {
    return this.#revision;
  }

  /** Applies a batch at once, and those that wait before it. */
  apply(batch: ResourceBatch): void {
    this.enqueue(batch);
    while (this.applySlice(Number.POSITIVE_INFINITY, () => 0));
  }

  /** Takes a batch to be applied in slices. */
  enqueue(batch: ResourceBatch): void {
    this.#waiting.push(batch);
  }

  /**
   * Applies waiting batches for about `budget` milliseconds of the clock `now`. True when something is left.
   * Look-ups in between see a part of a batch: endpoints whose service is to come, never a policy's user without it.
   */
  applySlice(budget: number, now: () => number): boolean {
    const end = now() + budget;
    for (let count = 1; this.#applyNext(); count++) {
      if (count % APPLY_BETWEEN_CLOCK_READS === 0 && now() >= end) break;
    }
    return this.#reader !== undefined || this.#waiting.length > 0;
  }

  /** What changed since the last call; undefined when nothing did. */
  takeChanges(): StoreChanges | undefined {
    if (this.#changes.empty) return undefined;
    const changes = this.#changes;
    this.#changes = new StoreChanges();
    return changes;
  }

  /** The workload with this address, unless it shares it with its node. */
  findWorkload(network: string, ip: IpAddress): Workload | undefined {
    return this.workloads.byAddress(network, ip)?.model;
  }

  /** The service at this address as seen from a namespace: an exact address, else the longest range. */
  findService(network: string, ip: IpAddress, clientNamespace: string): Service | undefined {
    const exact = this.services.byAddress(network, ip, clientNamespace);
    return (exact ?? this.services.byRange(network, ip, clientNamespace))?.model;
  }

  /** The workload of a pod as the node agent names it. */
  findOwn(namespace: string, name: string, serviceAccount: string): Workload | undefined {
    return this.workloads.own(namespace, name, serviceAccount)?.model;
  }

  /** The workloads that belong to a service, known or not. */
  endpoints(serviceKey: string): EndpointSet | undefined {
    return this.#endpoints.get(serviceKey);
  }

  /** Endpoint sets whose service has not come, by `namespace/hostname`. */
  *stagedEndpoints(): Generator<[string, EndpointSet]> {
    for (const entry of this.#endpoints) {
      if (this.services.byKey(entry[0]) === undefined) yield entry;
    }
  }

  /** The policies that judge connections to a workload; the same object until something changes. */
  policiesFor(workload: Workload): PolicySet {
    return this.policies.setFor(workload);
  }

  #applyNext(): boolean {
    this.#revision += 1;
    if (this.#reader === undefined) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return false;
      this.#reader = new BatchReader(batch);
      this.#memory = new BatchMemory(this.#reader.bytes);
      const empty = this.workloads.size + this.services.size + this.policies.size === 0;
      this.#named = batch.reset && !empty ? new Set() : undefined;
    }
    const reader = this.#reader;
    if (reader.next()) {
      this.#applyEntry(reader, this.#memory ?? new BatchMemory(reader.bytes));
      return true;
    }
    if (this.#named !== undefined) this.#removeUnnamed(this.#named);
    this.#generation = reader.batch.generation;
    this.#reader = undefined;
    this.#memory = undefined;
    this.#named = undefined;
    return this.#waiting.length > 0;
  }

  #applyEntry(reader: BatchReader, memory: BatchMemory): void {
    const text = reader.keys();
    switch (reader.kind) {
      case 'workload':
        this.#putWorkload(
          new StoredResource(parseWorkloadKeys(text, this.#node, this.#internService), reader, memory, parseWorkload),
        );
        break;
      case 'service':
        this.#putService(new StoredResource(JSON.parse(text) as ServiceKeys, reader, memory, parseService));
        break;
      case 'authorization':
        this.#putPolicy(new StoredResource(JSON.parse(text) as PolicyKeys, reader, memory, parsePolicy));
        break;
      case 'remove-address':
        if (!this.#removeWorkload(text)) this.#removeService(text.toLowerCase());
        break;
      case 'remove-authorization':
        this.#removePolicy(text);
        break;
    }
  }

  #putWorkload(workload: StoredResource<WorkloadKeys, Workload>): void {
    const { uid, services } = workload.keys;
    this.#named?.add(`workload ${uid}`);
    if (workload.fallback && this.workloads.byUid(uid)?.fallback === false) {
      this.#release(workload);
      return;
    }
    const before = this.workloads.remove(uid);
    this.workloads.put(workload);
    for (const key of services) this.#endpointsFor(key).put(workload);
    this.#changes.workloads.add(uid);
    if (before === undefined) return;
    for (const key of before.keys.services) if (!services.includes(key)) this.#leaveService(key, before);
    // Nobody has a tunnel to a workload that was never looked at.
    if (before.decoded && !samePeer(before.model, workload.model)) this.#changes.retiredWorkloads.add(uid);
    if (before.decoded) this.#retireParts(before.model, workload.model);
    this.#release(before);
  }

  #removeWorkload(uid: string): boolean {
    const workload = this.workloads.remove(uid);
    if (workload === undefined) return false;
    for (const key of workload.keys.services) this.#leaveService(key, workload);
    this.#changes.workloads.add(uid);
    this.#changes.retiredWorkloads.add(uid);
    if (workload.decoded) this.#retireParts(workload.model, undefined);
    this.#release(workload);
    return true;
  }

  #retireParts(before: Workload, after: Workload | undefined): void {
    for (const uid of lostParts(before, after)) this.#changes.retiredWorkloads.add(uid);
  }

  #endpointsFor(key: string): EndpointSet {
    let set = this.#endpoints.get(key);
    if (set === undefined) {
      set = new EndpointSet(key);
      this.#endpoints.set(key, set);
    }
    return set;
  }

  #leaveService(key: string, workload: StoredResource<WorkloadKeys, Workload>): void {
    const set = this.#endpoints.get(key);
    set?.remove(workload);
    if (set?.size === 0) this.#endpoints.delete(key);
  }

  #putService(service: StoredResource<ServiceKeys, Service>): void {
    const { key } = service.keys;
    this.#named?.add(`service ${key}`);
    const before = this.services.byKey(key);
    if (service.fallback && before?.fallback === false) {
      this.#release(service);
      return;
    }
    if (before !== undefined) this.#removeService(key);
    this.services.put(service);
    this.#endpoints.get(key)?.changed();
    this.#changes.services.add(key);
  }

  #removeService(key: string): void {
    const service = this.services.remove(key);
    if (service === undefined) return;
    this.#endpoints.get(key)?.changed();
    this.#changes.services.add(key);
    this.#release(service);
  }

  #putPolicy(policy: StoredResource<PolicyKeys, Policy>): void {
    const { key } = policy.keys;
    this.#named?.add(`authorization ${key}`);
    const before = this.policies.byKey(key);
    if (policy.fallback && before?.fallback === false) {
      this.#release(policy);
      return;
    }
    if (before !== undefined) this.#removePolicy(key);
    this.policies.put(policy);
    this.#changes.policyChanged(policy.keys);
  }

  #removePolicy(key: string): void {
    const policy = this.policies.remove(key);
    if (policy === undefined) return;
    this.#changes.policyChanged(policy.keys);
    this.#release(policy);
  }

  #removeUnnamed(named: ReadonlySet<string>): void {
    for (const { keys } of [...this.workloads.all()])
      if (!named.has(`workload ${keys.uid}`)) this.#removeWorkload(keys.uid);
    for (const { keys } of [...this.services.all()])
      if (!named.has(`service ${keys.key}`)) this.#removeService(keys.key);
    for (const { keys } of [...this.policies.all()]) {
      if (!named.has(`authorization ${keys.key}`)) this.#removePolicy(keys.key);
    }
  }

  /** Lets a resource go; the few that are left of a big batch are copied out of it, so that its memory can be freed. */
  #release(resource: StoredResource<unknown, unknown>): void {
    const memory = resource.release();
    const { bytes, live } = memory;
    if (memory === this.#memory || bytes.length < COMPACT_FROM_BYTES || live === 0) return;
    if (live * COMPACT_BELOW_ONE_IN > bytes.length) return;
    for (const store of [this.workloads, this.services, this.policies]) {
      for (const left of store.all()) if (left.sharesBatch(memory)) left.copyOut();
    }
  }
}

/** Whether a tunnel to `before` also leads to `after`. */
function samePeer(before: Workload, after: Workload): boolean {
  return (
    before.protocol === after.protocol &&
    sameSpiffeId(before.identity, after.identity) &&
    before.addresses.length === after.addresses.length &&
    before.addresses.every((ip, index) => ip === after.addresses[index])
  );
}
