import type { IpAddress } from '@ambit/core/address';
import { ownKey, type WorkloadKeys } from '../resource/workload-record.ts';
import type { Workload } from '../workload.ts';
import { ManyIndex } from './many-index.ts';
import type { StoredResource } from './stored-resource.ts';

export type StoredWorkload = StoredResource<WorkloadKeys, Workload>;

/** Workloads by uid, address, hostname, and by the names with which the node agent announces a pod. */
export class WorkloadStore {
  readonly #byUid = new Map<string, StoredWorkload>();
  readonly #byNetwork = new Map<string, ManyIndex<StoredWorkload>>();
  readonly #byOwnKey = new ManyIndex<StoredWorkload>();
  readonly #byHostname = new ManyIndex<StoredWorkload>();

  get size(): number {
    return this.#byUid.size;
  }

  /** In the order of their last change. */
  all(): MapIterator<StoredWorkload> {
    return this.#byUid.values();
  }

  byUid(uid: string): StoredWorkload | undefined {
    return this.#byUid.get(uid);
  }

  /** When an address is claimed twice (a finished pod is still known), the newest claim holds. */
  byAddress(network: string, ip: IpAddress): StoredWorkload | undefined {
    return this.#byNetwork.get(network)?.newest(ip);
  }

  /** The workload of a pod as the node agent names it. */
  own(namespace: string, name: string, serviceAccount: string): StoredWorkload | undefined {
    return this.#byOwnKey.newest(ownKey(namespace, name, serviceAccount));
  }

  /** Workloads with this hostname, the newest first. `hostname` is lower case. */
  byHostname(hostname: string): readonly StoredWorkload[] {
    return this.#byHostname.all(hostname);
  }

  put(workload: StoredWorkload): void {
    const { uid, network, addresses, own, hostname } = workload.keys;
    this.#byUid.set(uid, workload);
    if (own.length > 0) this.#byOwnKey.add(own, workload);
    if (hostname.length > 0) this.#byHostname.add(hostname, workload);
    if (addresses.length === 0) return;
    let byIp = this.#byNetwork.get(network);
    if (byIp === undefined) {
      byIp = new ManyIndex();
      this.#byNetwork.set(network, byIp);
    }
    for (const ip of addresses) byIp.add(ip, workload);
  }

  /** Returns what was removed. */
  remove(uid: string): StoredWorkload | undefined {
    const workload = this.#byUid.get(uid);
    if (workload === undefined) return undefined;
    const { network, addresses, own, hostname } = workload.keys;
    this.#byUid.delete(uid);
    if (own.length > 0) this.#byOwnKey.remove(own, workload);
    if (hostname.length > 0) this.#byHostname.remove(hostname, workload);
    const byIp = this.#byNetwork.get(network);
    for (const ip of addresses) byIp?.remove(ip, workload);
    if (byIp?.size === 0) this.#byNetwork.delete(network);
    return workload;
  }
}
