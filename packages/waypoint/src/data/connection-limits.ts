import { AmbitError } from '@ambit/core/errors';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { ClusterLoad } from '@ambit/traffic/cluster-state/cluster-load';
import { Gauge } from '@ambit/traffic/cluster-state/cluster-memory';
import type { ConnectionPool } from '@ambit/traffic/model/cluster-limits';
import { CONNECTION_WAIT_LOOK_MS } from '../limits.ts';

/** What limits need of the thread that they are on. */
export interface LimitsOwner {
  after(ms: number, run: () => void): ReactorTimer;
  /** Other threads are asked to end connections to the cluster that have no request. */
  askOthers(key: string): void;
}

/** Connections to one endpoint. */
export interface LimitedPool {
  /** Requests wait, and a connection may be had now. */
  serveWaiting(): void;
  /** Ends a connection without a request; false when it has none. */
  endIdle(): boolean;
}

/** What the connections and requests of one cluster may be on all data threads together, and who waits for a connection here. */
export class ConnectionLimits {
  readonly key: string;
  readonly load: ClusterLoad;
  settings: ConnectionPool;
  readonly #owner: LimitsOwner;
  readonly #pools = new Set<LimitedPool>();
  readonly #starved = new Set<LimitedPool>();
  #timer: ReactorTimer | undefined;

  constructor(key: string, load: ClusterLoad, settings: ConnectionPool, owner: LimitsOwner) {
    this.key = key;
    this.load = load;
    this.settings = settings;
    this.#owner = owner;
  }

  /** Of a new version of the cluster: what is open stays. */
  follow(settings: ConnectionPool): void {
    this.settings = settings;
  }

  /** A place among the connections; false when there is none. */
  takeConnection(): boolean {
    return this.load.take(Gauge.connections, this.settings.maxConnections);
  }

  connectionEnded(): void {
    this.load.giveBack(Gauge.connections);
    for (const pool of [...this.#starved]) {
      this.#starved.delete(pool);
      pool.serveWaiting();
    }
  }

  takePending(): boolean {
    return this.load.take(Gauge.pending, this.settings.maxPendingRequests);
  }

  pendingEnded(): void {
    this.load.giveBack(Gauge.pending);
  }

  takeRequest(): boolean {
    return this.load.take(Gauge.requests, this.settings.maxRequests);
  }

  requestEnded(): void {
    this.load.giveBack(Gauge.requests);
  }

  join(pool: LimitedPool): void {
    this.#pools.add(pool);
  }

  leave(pool: LimitedPool): void {
    this.#pools.delete(pool);
    this.#starved.delete(pool);
  }

  /**
   * Requests of `pool` wait and no connection may be opened. One to another endpoint that nobody uses is ended in its favour, here or
   * on another thread; whoever ends one here tells it, and what others do is looked for now and then.
   */
  starves(pool: LimitedPool): void {
    this.#starved.add(pool);
    if (this.#timer !== undefined) return;
    if (!this.endIdle()) this.#owner.askOthers(this.key);
    this.#timer = this.#owner.after(CONNECTION_WAIT_LOOK_MS, () => {
      this.#timer = undefined;
      const starved = [...this.#starved];
      this.#starved.clear();
      for (const one of starved) one.serveWaiting();
    });
  }

  /** Ends one connection without a request. */
  endIdle(): boolean {
    for (const pool of this.#pools) if (pool.endIdle()) return true;
    return false;
  }
}

export function connectionLimitMet({ key, settings }: ConnectionLimits): AmbitError {
  return new AmbitError(
    'AMBIT_CONNECTION_LIMIT',
    `${clusterOf(key)} has its ${settings.maxConnections} connections (connectionPool.tcp.maxConnections)`,
    { retryable: true },
  );
}

export function pendingLimitMet({ key, settings }: ConnectionLimits): AmbitError {
  return new AmbitError(
    'AMBIT_PENDING_LIMIT',
    `${settings.maxPendingRequests} requests wait for a connection to ${clusterOf(key)} ` +
      '(connectionPool.http.http1MaxPendingRequests)',
    { retryable: true },
  );
}

export function requestLimitMet({ key, settings }: ConnectionLimits): AmbitError {
  return new AmbitError(
    'AMBIT_REQUEST_LIMIT',
    `${clusterOf(key)} has its ${settings.maxRequests} requests (connectionPool.http.http2MaxRequests)`,
    { retryable: true },
  );
}

function clusterOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}
