import { formatSocketAddress } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Reactor } from '@ambit/reactor/reactor';
import { connectTcp, type PendingConnect } from '@ambit/reactor/tcp-connect';
import { ClientConnection, type ClientConnectionKeeper } from './client-connection.ts';
import {
  CONNECT_TIMEOUT_MS,
  MAX_STREAMS_PER_CONNECTION,
  MAX_WAITING_TUNNELS,
  SPREAD_CONNECTIONS,
  SPREAD_STREAMS,
} from './limits.ts';
import { NO_OBSERVER, type TunnelObserver } from './observer.ts';
import { ClientTunnel, type TunnelQueue } from './outgoing-tunnel.ts';
import type { HbonePoolOptions } from './pool-options.ts';
import type { ClientCredential, TunnelTarget } from './tunnel.ts';

/** The connections of one key and the tunnels that wait for one. At most one connection is being made at a time. */
export class PoolEntry implements ClientConnectionKeeper, TunnelQueue {
  /** What its connections are found by. */
  readonly key: string;
  /** As given last. */
  target: TunnelTarget;
  readonly #reactor: Reactor;
  readonly #options: HbonePoolOptions;
  readonly #observer: TunnelObserver;
  readonly #onEmpty: () => void;
  readonly #maxStreams: number;
  readonly #spreadStreams: number;
  /** Connections that may take tunnels. */
  readonly #open: ClientConnection[] = [];
  /** Connections that only finish what they have. */
  readonly #leaving: Set<ClientConnection> = new Set();
  #waiting: ClientTunnel[] = [];
  #pendingConnect: PendingConnect | undefined;
  #handshake: ClientConnection | undefined;
  #startedAt = 0;
  /** The newest certificate generation that was seen. */
  #generation = 0;
  #retired: AmbitError | undefined;
  #draining = false;

  constructor(reactor: Reactor, key: string, target: TunnelTarget, options: HbonePoolOptions, onEmpty: () => void) {
    this.#reactor = reactor;
    this.key = key;
    this.target = target;
    this.#options = options;
    this.#observer = options.observer ?? NO_OBSERVER;
    this.#onEmpty = onEmpty;
    this.#maxStreams = options.maxStreams ?? MAX_STREAMS_PER_CONNECTION;
    this.#spreadStreams = Math.min(options.spreadStreams ?? SPREAD_STREAMS, this.#maxStreams);
  }

  get connections(): number {
    return this.#open.length + this.#leaving.size + (this.#connecting ? 1 : 0);
  }

  /** Asks for a tunnel on the best connection, or makes it wait for one. The handler is never called from within. */
  place(tunnel: ClientTunnel): void {
    if (this.#retired !== undefined) return this.#failLater(tunnel, this.#retired);
    const best = this.#best();
    if (best !== undefined && tunnel.ask(best)) {
      const crowded = best.load > this.#spreadStreams || best.clogged;
      if (crowded && this.#open.length < SPREAD_CONNECTIONS) this.#connect();
      return;
    }
    this.#wait(tunnel);
  }

  retry(tunnel: ClientTunnel, error: AmbitError): void {
    if (this.#retired !== undefined || tunnel.retried) return tunnel.fail(error);
    tunnel.retried = true;
    this.#observer.onRetry(this.target.address, error);
    // Other connections to a peer that went away are likely as stale as this one: only a fresh one will do.
    this.#wait(tunnel);
  }

  withdraw(tunnel: ClientTunnel): void {
    this.#waiting = this.#waiting.filter((other) => other !== tunnel);
  }

  /** When there is a new certificate generation, connections of older ones take no new tunnels. */
  renew(target: TunnelTarget): void {
    this.target = target;
    const generation = target.credential()?.generation ?? 0;
    if (generation <= this.#generation) return;
    this.#generation = generation;
    for (const connection of [...this.#open]) if (connection.generation < generation) this.#leave(connection);
  }

  /** Takes no new tunnels; those that are open go on, those that wait for a connection or for an answer fail. Idempotent. */
  retire(error: AmbitError): void {
    this.#retired ??= error;
    this.#abandonAttempt();
    for (const connection of [...this.#open]) this.#leave(connection);
    // Who is gone may never answer, and nothing of the application was sent yet.
    for (const connection of [...this.#leaving]) giveUpUnanswered(connection, error);
    this.#failWaiting(error);
    this.#checkEmpty();
  }

  /** From here on no connection outlives its last stream; tunnels are still opened. Idempotent. */
  drain(): void {
    this.#draining = true;
    this.#releaseUnused();
  }

  /** Ends everything now. Idempotent. */
  destroy(error: AmbitError): void {
    this.retire(error);
    for (const connection of [...this.#leaving]) connection.destroy(error);
  }

  /** Closes connections that were without streams since before `since`. */
  releaseIdle(since: number): void {
    for (const connection of [...this.#open]) {
      if (connection.load === 0 && (connection.idleSince ?? since) < since) this.#leave(connection);
    }
    this.#checkEmpty();
  }

  onConnectionReady(connection: ClientConnection): void {
    this.#handshake = undefined;
    this.#observer.onConnection('client', connection.address, this.#reactor.now - this.#startedAt);
    this.#open.push(connection);
    this.#serve(connection, true);
    if (connection.generation < this.#generation) this.#leave(connection);
    this.#releaseLater();
  }

  onSlot(connection: ClientConnection): void {
    if (this.#waiting.length > 0 && this.#open.includes(connection)) this.#serve(connection, false);
    if (connection.load === 0) this.#releaseLater();
  }

  onConnectionLeaving(connection: ClientConnection): void {
    this.#setAside(connection);
  }

  onConnectionOver(connection: ClientConnection, error: AmbitError | undefined): void {
    if (connection === this.#handshake) {
      this.#handshake = undefined;
      this.#attemptFailed(
        error ??
          new AmbitError('AMBIT_HBONE_CLOSED', 'the peer closed the connection during the handshake', {
            source: 'peer',
            retryable: true,
          }),
      );
      return;
    }
    this.#setAside(connection);
    if (this.#leaving.delete(connection)) {
      this.#observer.onConnectionClosed('client', connection.address, error, connection.load);
    }
    this.#checkEmpty();
  }

  get #connecting(): boolean {
    return this.#pendingConnect !== undefined || this.#handshake !== undefined;
  }

  /**
   * The first connection that is not crowded, because tunnels that share one share its reads, encryption and writes; else
   * the one with the fewest streams that has a slot. Ones that are clogged come last.
   */
  #best(): ClientConnection | undefined {
    let best: ClientConnection | undefined;
    for (const connection of this.#open) {
      if (connection.slots <= 0) continue;
      if (connection.load < this.#spreadStreams && !connection.clogged) return connection;
      if (best === undefined || rank(connection) < rank(best)) best = connection;
    }
    return best;
  }

  #wait(tunnel: ClientTunnel): void {
    if (this.#waiting.length >= MAX_WAITING_TUNNELS) {
      const error = new AmbitError(
        'AMBIT_HBONE_QUEUE',
        `${MAX_WAITING_TUNNELS} tunnels wait for a connection to the peer already`,
        { source: 'peer', retryable: true },
      );
      return this.#failLater(tunnel, error);
    }
    this.#waiting.push(tunnel);
    this.#connect();
  }

  /** Gives waiting tunnels the slots of a connection, first come first served. Retried ones take only a `fresh` one. */
  #serve(connection: ClientConnection, fresh: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const left = waiting.filter((tunnel) => !tunnel.over && ((tunnel.retried && !fresh) || !tunnel.ask(connection)));
    // What came meanwhile came later.
    this.#waiting = left.concat(this.#waiting);
    if (this.#waiting.length > 0) this.#connect();
  }

  #connect(): void {
    if (this.#connecting || this.#retired !== undefined) return;
    this.#startedAt = this.#reactor.now;
    const { address, namespace } = this.target;
    const { mark, keepalive, connectTimeoutMs, account } = this.#options;
    this.#pendingConnect = connectTcp(
      this.#reactor,
      {
        destination: address,
        timeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
        account,
        ...(namespace === undefined ? {} : { namespace }),
        ...(mark === undefined ? {} : { mark }),
        ...(keepalive === undefined ? {} : { keepalive }),
      },
      {
        onConnected: (fd) => {
          this.#pendingConnect = undefined;
          this.#shakeHands(fd);
        },
        onConnectFailed: (error) => {
          this.#pendingConnect = undefined;
          this.#attemptFailed(error);
        },
      },
    );
  }

  #shakeHands(fd: number): void {
    const { address, expected } = this.target;
    try {
      const { context, generation } = this.#credential();
      this.#handshake = new ClientConnection(
        this.#reactor,
        fd,
        context,
        generation,
        address,
        expected,
        this.#maxStreams,
        this.#options,
        this,
      );
    } catch (thrown) {
      this.#reactor.close(fd);
      this.#attemptFailed(
        thrown instanceof AmbitError
          ? thrown
          : new AmbitError('AMBIT_HBONE_CONNECT', messageOf(thrown), { cause: thrown }),
      );
    }
  }

  /** Asked as late as can be: a context that was replaced while the connect ran is freed already. */
  #credential(): ClientCredential {
    const credential = this.target.credential();
    if (credential !== undefined) return credential;
    throw new AmbitError(
      'AMBIT_HBONE_NO_CERTIFICATE',
      `there is no certificate of ${this.target.sourcePrincipal} to open a tunnel with`,
      { source: 'system', retryable: true },
    );
  }

  /** Nobody is kept waiting behind a peer that cannot be reached: all learn of it and may go elsewhere. */
  #attemptFailed(error: AmbitError): void {
    const { address } = this.target;
    this.#observer.onConnectionFailed('client', address, error);
    const message = `no tunnel connection to ${formatSocketAddress(address)}: ${error.message}`;
    this.#failWaiting(new AmbitError(error.code, message, { source: error.source, retryable: true, cause: error }));
    this.#checkEmpty();
  }

  #abandonAttempt(): void {
    this.#pendingConnect?.cancel();
    this.#pendingConnect = undefined;
    const handshake = this.#handshake;
    this.#handshake = undefined;
    handshake?.destroy();
  }

  #failWaiting(error: AmbitError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tunnel of waiting) {
      try {
        tunnel.fail(error);
      } catch (thrown) {
        this.#reactor.report(thrown);
      }
    }
  }

  #failLater(tunnel: ClientTunnel, error: AmbitError): void {
    this.#reactor.defer(() => {
      tunnel.fail(error);
    });
  }

  /** Not from within a callback of the connection, and not before what ended has asked again. */
  #releaseLater(): void {
    if (!this.#draining) return;
    this.#reactor.defer(() => {
      this.#releaseUnused();
    });
  }

  #releaseUnused(): void {
    for (const connection of [...this.#open]) if (connection.load === 0) this.#leave(connection);
    this.#checkEmpty();
  }

  #setAside(connection: ClientConnection): void {
    const at = this.#open.indexOf(connection);
    if (at < 0) return;
    this.#open.splice(at, 1);
    this.#leaving.add(connection);
  }

  #leave(connection: ClientConnection): void {
    this.#setAside(connection);
    connection.drain();
  }

  #checkEmpty(): void {
    if (this.connections === 0 && this.#waiting.length === 0) this.#onEmpty();
  }
}

function giveUpUnanswered(connection: ClientConnection, error: AmbitError): void {
  const owners = Array.from(connection.http.streams.values(), ({ owner }) => owner);
  for (const owner of owners) {
    try {
      if (owner instanceof ClientTunnel) owner.giveUp(error);
    } catch (thrown) {
      connection.reactor.report(thrown);
    }
  }
}

function rank(connection: ClientConnection): number {
  return connection.load + (connection.clogged ? 1000 : 0);
}
