import { CircuitBreaker } from '@ambit/traffic/breaker/circuit-breaker';
import { ClusterLoad } from '@ambit/traffic/cluster-state/cluster-load';
import type { ClusterMemory } from '@ambit/traffic/cluster-state/cluster-memory';
import { clusterKey } from '@ambit/traffic/cluster-state/cluster-key';
import type { Cluster } from '@ambit/traffic/model/served-service';
import { OutlierDetection } from '@ambit/traffic/outlier/outlier-detection';
import { RetryBudget } from '@ambit/traffic/retry/retry-budget';
import { ConnectionLimits, type LimitsOwner } from './connection-limits.ts';

/** What this thread and the others know together of one cluster. */
export interface ClusterState {
  readonly load: ClusterLoad;
  readonly budget: RetryBudget;
  /** Undefined: connections to its endpoints are not limited, and may be shared with other clusters. */
  readonly limits: ConnectionLimits | undefined;
  readonly outliers: OutlierDetection | undefined;
  readonly breaker: CircuitBreaker | undefined;
}

/** A cluster that several services lead to is one: it has one state, and its connections are counted together. */
interface Known {
  readonly memory: ClusterMemory;
  readonly load: ClusterLoad;
  limits: ConnectionLimits | undefined;
  outliers: OutlierDetection | undefined;
}

/** The states of all clusters on this data thread, in memory that the control side has made for all of them. */
export class ClusterStates {
  readonly #thread: number;
  readonly #now: () => number;
  readonly #owner: LimitsOwner;
  readonly #known = new Map<string, Known>();

  /** `now`: milliseconds of a clock that all threads share. */
  constructor(thread: number, now: () => number, owner: LimitsOwner) {
    this.#thread = thread;
    this.#now = now;
    this.#owner = owner;
  }

  /** Memory by the keys of clusters; what is known of a cluster goes on in the memory that it has. */
  install(memories: ReadonlyMap<string, ClusterMemory>): void {
    for (const [key, memory] of memories) {
      const known = this.#known.get(key);
      if (known?.memory.counts === memory.counts && known.memory.endpoints === memory.endpoints) continue;
      this.#known.set(key, {
        memory,
        load: known?.load ?? new ClusterLoad(memory, this.#thread),
        limits: known?.limits,
        outliers: known?.outliers,
      });
    }
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#known.delete(key);
  }

  /** The state of a cluster as this version of it asks for. */
  of(cluster: Cluster): ClusterState {
    const key = clusterKey(cluster);
    const known = this.#known.get(key);
    if (known === undefined) throw new RangeError(`nothing was said of the memory of ${key}`);
    const { memory, load } = known;
    const { connectionPool, outlierDetection, circuitBreaker } = cluster;
    if (connectionPool !== null) {
      known.limits ??= new ConnectionLimits(key, load, connectionPool, this.#owner);
      known.limits.follow(connectionPool);
    }
    if (outlierDetection !== null && memory.endpoints !== undefined) {
      known.outliers ??= new OutlierDetection(memory.endpoints, this.#thread, outlierDetection, this.#now);
      known.outliers.follow(outlierDetection);
    }
    return {
      load,
      budget: new RetryBudget(memory, load, cluster, this.#now),
      limits: connectionPool === null ? undefined : known.limits,
      outliers: outlierDetection === null ? undefined : known.outliers,
      breaker:
        circuitBreaker === null ? undefined : new CircuitBreaker(memory, this.#thread, circuitBreaker, this.#now),
    };
  }

  /** The workload is gone. */
  forgetEndpoint(uid: string): void {
    for (const { outliers } of this.#known.values()) outliers?.forget(uid);
  }

  /** Somewhere a request waits for a connection to this cluster that only the end of another allows. */
  giveWay(key: string): void {
    this.#known.get(key)?.limits?.endIdle();
  }
}
