import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { BatchEntry } from '@ambit/mesh/resource/batch';
import { formatWorkload } from '@ambit/mesh/resource/workload-record';
import type { Workload } from '@ambit/mesh/workload';
import type { EndpointNames } from './endpoint-names.ts';

/** Which workloads are known by which name, and what they are with what the names stand for. */
export class NamedEndpoints {
  readonly #names: EndpointNames;
  readonly #nameOf = new Map<string, string>();
  readonly #uidsOf = new Map<string, Set<string>>();

  constructor(names: EndpointNames) {
    this.#names = names;
  }

  /** A workload as the controller has sent it, with the addresses of its name as far as they are known. */
  adapt(workload: Workload): Workload {
    if (workload.hostname === '' || workload.addresses.length > 0) return workload;
    const state = this.#names.stateOf(workload.hostname);
    return {
      ...workload,
      addresses: state?.addresses ?? [],
      // What a name stands for may be somebody else's as well, who is found by it.
      hostNetwork: true,
      resolution: { failure: state?.failure },
    };
  }

  /** Takes up and lets go names, after workloads came, changed or went. Returns names of which something is known at once. */
  follow(uids: Iterable<string>, store: MeshStore): string[] {
    const known: string[] = [];
    for (const uid of uids) {
      const stored = store.workloads.byUid(uid);
      const model = stored === undefined || stored.keys.hostname === '' ? undefined : stored.model;
      const name = model?.resolution === undefined ? undefined : model.hostname;
      const before = this.#nameOf.get(uid);
      if (before !== undefined && before !== name) this.#leave(uid, before);
      if (name === undefined || before === name) continue;
      this.#nameOf.set(uid, name);
      const uidsOfName = this.#uidsOf.get(name);
      if (uidsOfName === undefined) this.#uidsOf.set(name, new Set([uid]));
      else uidsOfName.add(uid);
      if (this.#names.add(name, model?.addresses).failure !== undefined) known.push(name);
    }
    return known;
  }

  /** The workloads that a name stands for, as they are now; those that are so already are left out. */
  entries(name: string, store: MeshStore): BatchEntry[] {
    return [...(this.#uidsOf.get(name) ?? [])].flatMap((uid): BatchEntry[] => {
      const stored = store.workloads.byUid(uid);
      if (stored === undefined) return [];
      const { addresses, failure } = this.#names.stateOf(name) ?? this.#names.add(name);
      const { model } = stored;
      const isSame = model.resolution?.failure === failure && addresses.join() === model.addresses.join();
      if (isSame) return [];
      const changed = formatWorkload({ ...model, addresses, resolution: { failure } });
      return [{ kind: 'workload', fallback: false, version: stored.version(), ...changed }];
    });
  }

  #leave(uid: string, name: string): void {
    this.#nameOf.delete(uid);
    const uids = this.#uidsOf.get(name);
    uids?.delete(uid);
    if (uids?.size !== 0) return;
    this.#uidsOf.delete(name);
    this.#names.remove(name);
  }
}
