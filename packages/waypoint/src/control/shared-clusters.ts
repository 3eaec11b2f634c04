import { clusterKey } from '@ambit/traffic/cluster-state/cluster-key';
import { allocateClusterMemory, type ClusterMemory } from '@ambit/traffic/cluster-state/cluster-memory';
import { threadEnded } from '@ambit/traffic/cluster-state/thread-ended';
import type { Cluster, ServedService } from '@ambit/traffic/model/served-service';

/** What the data threads have to be told of the clusters of services that have changed. */
export interface ClusterChange {
  /** By `clusterKey`, of all clusters of the changed services. */
  readonly memory: ReadonlyMap<string, ClusterMemory>;
  /** To which nothing leads any more. */
  readonly forgotten: readonly string[];
}

/** The memory that all data threads share of each cluster, kept as long as a service leads there. */
export class SharedClusters {
  readonly #threads: number;
  readonly #memory = new Map<string, ClusterMemory>();
  readonly #byService = new Map<string, readonly Cluster[]>();

  /** `threads`: how many data threads there are. */
  constructor(threads: number) {
    this.#threads = threads;
  }

  /** The clusters of all services, once each. */
  clusters(): Map<string, { readonly model: Cluster; readonly memory: ClusterMemory }> {
    const all = new Map<string, { readonly model: Cluster; readonly memory: ClusterMemory }>();
    for (const model of [...this.#byService.values()].flat()) {
      const memory = this.#memory.get(clusterKey(model));
      if (memory !== undefined) all.set(clusterKey(model), { model, memory });
    }
    return all;
  }

  /** Everything, for a data thread that starts. */
  memory(): ReadonlyMap<string, ClusterMemory> {
    return this.#memory;
  }

  change(changed: readonly ServedService[], removed: readonly string[]): ClusterChange {
    const before = new Set([...removed, ...changed.map(({ resourceName }) => resourceName)]);
    const gone = new Set([...before].flatMap((name) => (this.#byService.get(name) ?? []).map(clusterKey)));
    for (const name of removed) this.#byService.delete(name);
    for (const { resourceName, clusters } of changed) this.#byService.set(resourceName, clusters);
    if (gone.size > 0) {
      for (const clusters of this.#byService.values()) for (const cluster of clusters) gone.delete(clusterKey(cluster));
    }
    for (const key of gone) this.#memory.delete(key);
    const memory = new Map<string, ClusterMemory>();
    for (const cluster of changed.flatMap(({ clusters }) => clusters)) {
      const key = clusterKey(cluster);
      memory.set(key, this.#made(key, cluster));
    }
    return { memory, forgotten: [...gone] };
  }

  /** A data thread is gone: what it had under way is over. */
  threadEnded(thread: number): void {
    for (const memory of this.#memory.values()) threadEnded(memory, thread);
  }

  #made(key: string, { outlierDetection }: Cluster): ClusterMemory {
    const known = this.#memory.get(key);
    if (known !== undefined && (known.endpoints !== undefined || outlierDetection === null)) return known;
    const fresh = allocateClusterMemory(this.#threads, outlierDetection !== null);
    const made = known === undefined ? fresh : { ...fresh, counts: known.counts };
    this.#memory.set(key, made);
    return made;
  }
}
