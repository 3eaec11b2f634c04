import { formatSocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { POOL_IDLE_MS } from './limits.ts';
import { ClientTunnel } from './outgoing-tunnel.ts';
import { PoolEntry } from './pool-entry.ts';
import { poolKey } from './pool-key.ts';
import type { HbonePoolOptions } from './pool-options.ts';
import type { Fields, PendingTunnel, TunnelHandler, TunnelTarget } from './tunnel.ts';

/** Looks for idle connections per idle time. */
const IDLE_LOOKS = 5;

/**
 * The tunnel connections of one pod to its peers. Tunnels with an equal key share connections; slots come back when
 * streams end; a second connection is opened before the first is full. A CONNECT that a peer did not process, because its
 * connection was stale, is asked for once more on a fresh connection before anybody hears of it.
 */
export class HbonePool {
  readonly #reactor: Reactor;
  readonly #options: HbonePoolOptions;
  readonly #idleMs: number;
  readonly #entries: Map<string, PoolEntry> = new Map();
  /** Targets are used again and again; their entries are found without their key. */
  readonly #byTarget: WeakMap<TunnelTarget, PoolEntry> = new WeakMap();
  /** Entries whose key was given up while tunnels still run on them. */
  readonly #retired: Set<PoolEntry> = new Set();
  #idleTimer: ReactorTimer | undefined;
  #draining = false;
  #closed: AmbitError | undefined;

  constructor(reactor: Reactor, options: HbonePoolOptions = {}) {
    this.#reactor = reactor;
    this.#options = options;
    this.#idleMs = options.idleMs ?? POOL_IDLE_MS;
  }

  /** Keys with a connection, being made or open. */
  get size(): number {
    return this.#entries.size;
  }

  /** Connections, being made or open. */
  get connections(): number {
    let count = 0;
    for (const entry of this.#entries.values()) count += entry.connections;
    return count;
  }

  /**
   * Asks the peer of `target` for a tunnel to `authority`. `fields` go with the CONNECT, names in lower case. The handler is
   * called once, later. `AMBIT_HBONE_…`, TLS and system errors reach it; with `retryable` nothing was processed.
   */
  open(target: TunnelTarget, authority: string, fields: Fields, handler: TunnelHandler): PendingTunnel {
    const entry = this.#closed === undefined ? this.#entry(target) : undefined;
    const request = [':method', 'CONNECT', ':authority', authority].concat(fields);
    const tunnel = new ClientTunnel(entry ?? NO_QUEUE, request, handler);
    if (entry !== undefined) {
      entry.place(tunnel);
    } else {
      const error = this.#closed ?? gone();
      this.#reactor.defer(() => {
        tunnel.fail(error);
      });
    }
    return tunnel;
  }

  /** The workload is gone or not what it was: nothing new goes through connections to it, and idle ones are closed. */
  retireWorkload(uid: string): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.target.workloadUid === uid) {
        const { address } = entry.target;
        entry.retire(
          new AmbitError(
            'AMBIT_HBONE_RETIRED',
            `the workload ${uid} at ${formatSocketAddress(address)} is gone or was replaced`,
            { source: 'configuration', retryable: true },
          ),
        );
        this.#forget(entry);
      }
    }
  }

  /**
   * The pool's owner is leaving: connections without streams are closed at once, the others with their last stream. Tunnels
   * for what the owner still has to serve are opened as before. Idempotent.
   */
  drain(): void {
    this.#draining = true;
    for (const entry of [...this.#entries.values()]) entry.drain();
  }

  /** Ends everything now; no tunnel is opened any more. Idempotent. */
  destroy(error: AmbitError = gone()): void {
    this.#closed ??= error;
    this.#idleTimer?.cancel();
    for (const entry of [...this.#entries.values()]) entry.destroy(error);
    for (const entry of [...this.#retired]) entry.destroy(error);
  }

  #entry(target: TunnelTarget): PoolEntry {
    const known = this.#byTarget.get(target);
    if (known !== undefined && this.#entries.get(known.key) === known) {
      known.renew(target);
      return known;
    }
    const entry = this.#entryByKey(target);
    this.#byTarget.set(target, entry);
    return entry;
  }

  #entryByKey(target: TunnelTarget): PoolEntry {
    const key = poolKey(target);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const created: PoolEntry = new PoolEntry(this.#reactor, key, target, this.#options, () => {
        if (this.#entries.get(key) === created) this.#entries.delete(key);
        this.#retired.delete(created);
      });
      // Before it is known: an entry without connections and tunnels counts as used up.
      if (this.#draining) created.drain();
      entry = created;
      this.#entries.set(key, entry);
      this.#watchIdle();
    }
    entry.renew(target);
    return entry;
  }

  /** A key that is used again gets a new entry, while the old one finishes what it has. */
  #forget(entry: PoolEntry): void {
    const key = poolKey(entry.target);
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    if (entry.connections > 0) this.#retired.add(entry);
  }

  #watchIdle(): void {
    if (this.#idleTimer !== undefined || this.#closed !== undefined) return;
    this.#idleTimer = this.#reactor.after(this.#idleMs / IDLE_LOOKS, () => {
      this.#idleTimer = undefined;
      const since = this.#reactor.now - this.#idleMs;
      for (const entry of [...this.#entries.values()]) entry.releaseIdle(since);
      if (this.#entries.size > 0) this.#watchIdle();
    });
  }
}

const NO_QUEUE = { retry: () => undefined, withdraw: () => undefined };

function gone(): AmbitError {
  return new AmbitError('AMBIT_HBONE_DRAINING', 'the pod has left, or its proxy has: no tunnel is opened any more', {
    retryable: true,
  });
}
