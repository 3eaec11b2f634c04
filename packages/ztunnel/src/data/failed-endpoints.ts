import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { Workload } from '@ambit/mesh/workload';

/** Endpoints that failed one connection and are to blame for it, as the mesh described them then. */
export class FailedEndpoints {
  readonly #uids = new Set<string>();
  readonly #described = new Map<string, Workload>();

  get uids(): ReadonlySet<string> {
    return this.#uids;
  }

  add(workload: Workload): void {
    this.#uids.add(workload.uid);
    this.#described.set(workload.uid, workload);
  }

  /** Forgets those that the mesh has described anew since: they may have come back. */
  forgetChanged(store: MeshStore): void {
    for (const [uid, workload] of this.#described) {
      if (store.workloads.byUid(uid)?.model === workload) continue;
      this.#uids.delete(uid);
      this.#described.delete(uid);
    }
  }
}
