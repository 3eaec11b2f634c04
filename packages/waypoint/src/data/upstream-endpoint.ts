import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { ClientConnection, HttpVersion } from '@ambit/http/exchange';
import type { Endpoint } from '@ambit/mesh/endpoint/endpoint';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { CompiledCluster } from '@ambit/traffic/compiled-service';
import { LayeredTlsEndpoint } from '@ambit/reactor/layered-tls-endpoint';
import {
  IDLE_CONNECTIONS_PER_ENDPOINT,
  LATE_DIAL_MS,
  PROXIED_IDLE_MS,
  UPSTREAM_IDLE_MS,
  WAITING_REQUESTS_PER_ENDPOINT,
} from '../limits.ts';
import { type ConnectionLimits, type LimitedPool, pendingLimitMet } from './connection-limits.ts';
import type { Dialler } from './dialler.ts';
import type { EndpointTransport } from './transport-choice.ts';
import { UpstreamConnection } from './upstream-connection.ts';

export type UpstreamVersion = 'HTTP/1.1' | 'HTTP/2';

/**
 * What is spoken to the endpoints of a cluster with a request that came in this version. An upgrade is passed on as HTTP/1.1 to a
 * port that is declared as HTTP: few servers know it in HTTP/2, of whose clients we ask for it.
 */
export function upstreamVersion({ model }: CompiledCluster, came: HttpVersion, upgrade: boolean): UpstreamVersion {
  if (model.protocol === 'http2') return 'HTTP/2';
  return came === 'HTTP/2' && !(upgrade && model.protocol === 'http1') ? 'HTTP/2' : 'HTTP/1.1';
}

/** Who wants to send a request. Exactly one of the two is called, once, unless `withdraw` came first. */
export interface ConnectionSeeker {
  /** A request can be sent now; `connection.request` gives an exchange. */
  onConnection(connection: ClientConnection): void;
  onConnectFailed(error: AmbitError): void;
}

/**
 * One port of one workload as this thread sees it: its connections and the requests under way there. A request takes a
 * connection that is free; else one is opened, and whichever connection becomes free first serves whoever waits longest.
 */
export class UpstreamEndpoint {
  readonly endpoint: Endpoint;
  readonly address: SocketAddress;
  /** Undefined: bytes go as they are. */
  readonly transport: EndpointTransport | undefined;
  /** Of the cluster that these connections are for, when it has one. */
  readonly limits: ConnectionLimits | undefined;
  /** Requests under way. */
  active = 0;
  readonly #dialler: Dialler;
  readonly #onUnused: (endpoint: UpstreamEndpoint) => void;
  readonly #pools: Readonly<Record<UpstreamVersion, VersionPool>>;

  /** `onUnused`: it has no connection, no request and none waiting. */
  constructor(
    endpoint: Endpoint,
    address: SocketAddress,
    transport: EndpointTransport | undefined,
    limits: ConnectionLimits | undefined,
    dialler: Dialler,
    onUnused: (endpoint: UpstreamEndpoint) => void,
  ) {
    this.endpoint = endpoint;
    this.address = address;
    this.transport = transport;
    this.limits = limits;
    this.#dialler = dialler;
    this.#onUnused = onUnused;
    this.#pools = { 'HTTP/1.1': new VersionPool(this, 'HTTP/1.1'), 'HTTP/2': new VersionPool(this, 'HTTP/2') };
  }

  /** Connections, being made or open. */
  get connections(): number {
    return this.#pools['HTTP/1.1'].size + this.#pools['HTTP/2'].size;
  }

  /** May call back from within. With `fresh` no connection is taken that has carried a request. */
  seek(version: UpstreamVersion, seeker: ConnectionSeeker, fresh: boolean, connectTimeoutMs: number): void {
    this.#pools[version].seek(seeker, fresh, connectTimeoutMs);
  }

  withdraw(version: UpstreamVersion, seeker: ConnectionSeeker): void {
    this.#pools[version].withdraw(seeker);
  }

  /** The workload is gone or drains: requests go on, connections without one are closed. */
  retire(): void {
    for (const pool of Object.values(this.#pools)) pool.drain();
    this.checkUse();
  }

  destroy(error: AmbitError): void {
    for (const pool of Object.values(this.#pools)) pool.destroy(error);
  }

  /** `version`: what is going to be spoken; undefined when nobody looks at the bytes. */
  dial(
    connectTimeoutMs: number,
    version: UpstreamVersion | undefined,
    done: (dialled: AmbitError | DuplexEndpoint) => void,
  ): void {
    const { transport } = this;
    const protocols = version === undefined ? [] : protocolsOf(version, transport?.http2Only === true);
    const keepalive = this.limits?.settings.tcpKeepalive ?? undefined;
    this.#dialler.dial(this.endpoint, this.address, connectTimeoutMs, { transport, protocols, keepalive }, done);
  }

  /** For the pools. */
  connect(version: UpstreamVersion, endpoint: DuplexEndpoint, pool: VersionPool): UpstreamConnection {
    const settings = this.limits?.settings;
    const idleMs =
      this.transport?.proxyHeader === undefined ? (settings?.httpIdleTimeoutMs ?? UPSTREAM_IDLE_MS) : PROXIED_IDLE_MS;
    const spoken = endpoint instanceof LayeredTlsEndpoint ? agreedVersion(endpoint) : version;
    return new UpstreamConnection(this.#dialler.reactor, spoken, endpoint, { idleMs, limits: settings }, pool);
  }

  get now(): number {
    return this.#dialler.reactor.now;
  }

  /** For tries. */
  after(ms: number, run: () => void): ReactorTimer {
    return this.#dialler.reactor.after(ms, run);
  }

  checkUse(): void {
    if (this.active > 0 || this.connections > 0) return;
    for (const pool of Object.values(this.#pools)) this.limits?.leave(pool);
    this.#onUnused(this);
  }
}

/** A connection that is being made. */
interface Dial {
  readonly since: number;
  late: boolean;
  over: boolean;
}

/** The connections of one HTTP version to one endpoint. */
class VersionPool implements LimitedPool {
  readonly #endpoint: UpstreamEndpoint;
  readonly #version: UpstreamVersion;
  readonly #connections = new Set<UpstreamConnection>();
  readonly #waiting: ConnectionSeeker[] = [];
  /** Connections that are being made. */
  #dialling = 0;
  /** Of these, those that were not late when it was last looked. */
  #expected = 0;
  /** In the order in which they were begun; those that are over go when they come first. */
  readonly #young: Dial[] = [];
  #connectTimeoutMs = 0;
  #retired = false;

  constructor(endpoint: UpstreamEndpoint, version: UpstreamVersion) {
    this.#endpoint = endpoint;
    this.#version = version;
  }

  get size(): number {
    return this.#connections.size + this.#dialling;
  }

  seek(seeker: ConnectionSeeker, fresh: boolean, connectTimeoutMs: number): void {
    if (!fresh && this.#waiting.length === 0) {
      const connection = this.#free();
      if (connection !== undefined) {
        seeker.onConnection(connection.http);
        connection.endIfSpent();
        return;
      }
    }
    const { limits } = this.#endpoint;
    if (limits?.takePending() === false) {
      seeker.onConnectFailed(pendingLimitMet(limits));
      return;
    }
    if (this.#waiting.length >= WAITING_REQUESTS_PER_ENDPOINT) {
      limits?.pendingEnded();
      seeker.onConnectFailed(
        new AmbitError('AMBIT_WAYPOINT_WAITING', 'too many requests wait for a connection to this endpoint'),
      );
      return;
    }
    // Who wants a fresh connection gets one because it stands first when that opens.
    if (fresh) this.#waiting.unshift(seeker);
    else this.#waiting.push(seeker);
    this.#connectTimeoutMs = connectTimeoutMs;
    // On one fresh HTTP/2 connection all can go that lost theirs.
    if (this.#expectedDials() < this.#wanted() || (fresh && this.#version === 'HTTP/1.1')) this.#dial();
  }

  withdraw(seeker: ConnectionSeeker): void {
    const at = this.#waiting.indexOf(seeker);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#endpoint.limits?.pendingEnded();
  }

  drain(): void {
    this.#retired = true;
    for (const connection of [...this.#connections]) connection.http.drain();
    this.serveWaiting();
  }

  /** Who waits gets a connection, or hears that there will be none; called whenever one is lost to new requests. */
  serveWaiting(): void {
    if (this.#waiting.length === 0 || this.#expectedDials() > 0) return;
    if (this.#retired) this.#failWaiting(gone());
    else this.#dial();
  }

  endIdle(): boolean {
    for (const connection of this.#connections) {
      if (connection.http.active > 0 || connection.http.retired || this.#waiting.length > 0) continue;
      connection.http.drain();
      return true;
    }
    return false;
  }

  destroy(error: AmbitError): void {
    this.#retired = true;
    for (const connection of [...this.#connections]) connection.destroy(error);
    this.#failWaiting(error);
  }

  /** For connections: a request may be sent, or a connection is done with one. */
  onAvailable(connection: UpstreamConnection): void {
    while (this.#waiting.length > 0 && connection.available > 0) {
      this.#next()?.onConnection(connection.http);
      connection.endIfSpent();
    }
    if (this.#version === 'HTTP/1.1' && connection.http.active === 0 && this.#tooManyIdle()) connection.http.drain();
  }

  onGone(connection: UpstreamConnection): void {
    this.#connections.delete(connection);
    this.#endpoint.limits?.connectionEnded();
    this.serveWaiting();
    this.#endpoint.checkUse();
  }

  onRetired(): void {
    this.serveWaiting();
  }

  /** The connection used last is the one that is least likely to have been closed by the other end. */
  #free(): UpstreamConnection | undefined {
    let found: UpstreamConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.available > 0 && !connection.http.retired) found = connection;
    }
    return found;
  }

  /** HTTP/1 needs a connection for each; on one HTTP/2 connection all can go. */
  #wanted(): number {
    return this.#version === 'HTTP/2' ? 1 : this.#waiting.length;
  }

  /**
   * Connections that may open soon. What takes long has lost packets, and the next ones go out later and later (RFC 6298): who
   * comes after the loss is over must not wait for them.
   */
  #expectedDials(): number {
    const since = this.#endpoint.now - LATE_DIAL_MS;
    for (
      let first = this.#young[0];
      first !== undefined && (first.over || first.since <= since);
      first = this.#young[0]
    ) {
      this.#young.shift();
      if (!first.over) this.#expected -= 1;
      first.late = true;
    }
    return this.#expected;
  }

  #tooManyIdle(): boolean {
    if (this.#connections.size <= IDLE_CONNECTIONS_PER_ENDPOINT) return false;
    let idle = 0;
    for (const connection of this.#connections) if (connection.http.active === 0) idle += 1;
    return idle > IDLE_CONNECTIONS_PER_ENDPOINT;
  }

  #dial(): void {
    const { limits } = this.#endpoint;
    limits?.join(this);
    if (limits?.takeConnection() === false) {
      limits.starves(this);
      return;
    }
    const dial: Dial = { since: this.#endpoint.now, late: false, over: false };
    this.#young.push(dial);
    this.#dialling += 1;
    this.#expected += 1;
    this.#endpoint.dial(this.#connectTimeoutMs, this.#version, (dialled) => {
      this.#dialling -= 1;
      dial.over = true;
      if (!dial.late) this.#expected -= 1;
      if (dialled instanceof AmbitError) {
        limits?.connectionEnded();
        this.#failed(dialled);
        this.#endpoint.checkUse();
        return;
      }
      const connection = this.#endpoint.connect(this.#version, dialled, this);
      this.#connections.add(connection);
      connection.begin();
      this.onAvailable(connection);
      if (this.#retired) connection.http.drain();
      // It could not take all of them.
      this.serveWaiting();
    });
  }

  /** HTTP/1: each connection that fails fails one request. HTTP/2: whoever waited for it. */
  #failed(error: AmbitError): void {
    if (this.#version === 'HTTP/2') {
      if (this.#expectedDials() === 0) this.#failWaiting(error);
      return;
    }
    this.#next()?.onConnectFailed(error);
    if (this.#retired) this.serveWaiting();
    else if (this.#expectedDials() < this.#waiting.length) this.#dial();
  }

  #failWaiting(error: AmbitError): void {
    for (const seeker of this.#waiting.splice(0)) {
      this.#endpoint.limits?.pendingEnded();
      seeker.onConnectFailed(error);
    }
  }

  #next(): ConnectionSeeker | undefined {
    const seeker = this.#waiting.shift();
    if (seeker !== undefined) this.#endpoint.limits?.pendingEnded();
    return seeker;
  }
}

/** Offered by ALPN. Endpoints that need not speak HTTP/2 get requests of either version as they can. */
function protocolsOf(version: UpstreamVersion, http2Only: boolean): readonly string[] {
  if (version === 'HTTP/1.1') return ONLY_HTTP1;
  return http2Only ? ONLY_HTTP2 : BOTH;
}

const ONLY_HTTP1 = ['http/1.1'];
const ONLY_HTTP2 = ['h2'];
const BOTH = ['h2', 'http/1.1'];

function agreedVersion({ protocol }: LayeredTlsEndpoint): UpstreamVersion {
  return protocol === 'h2' ? 'HTTP/2' : 'HTTP/1.1';
}

function gone(): AmbitError {
  return new AmbitError('AMBIT_UPSTREAM_GONE', 'the endpoint is gone or was replaced', { retryable: true });
}

export type { VersionPool };
