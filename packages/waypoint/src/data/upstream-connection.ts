import { AmbitError } from '@ambit/core/errors';
import type { ClientConnection, ClientConnectionHandler } from '@ambit/http/exchange';
import { Http1ClientConnection } from '@ambit/http/h1/client-connection';
import { Http2ClientConnection } from '@ambit/http/h2/exchange-client';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { ConnectionPool, Http2Keepalive } from '@ambit/traffic/model/cluster-limits';
import { HttpTransport } from './transport.ts';

/** Who keeps connections to an endpoint. */
export interface UpstreamConnectionKeeper {
  onAvailable(connection: UpstreamConnection): void;
  onGone(connection: UpstreamConnection): void;
  /** It takes no further requests; those under way go on. */
  onRetired(): void;
}

/** What a connection may be. */
export interface ConnectionBounds {
  /** How long it may be without a request, milliseconds; 0: for ever. */
  readonly idleMs: number;
  readonly limits: ConnectionPool | undefined;
}

/** A connection to an endpoint, inside a tunnel or plain, with the HTTP codec on it. */
export class UpstreamConnection implements ClientConnectionHandler {
  readonly http: ClientConnection;
  readonly #reactor: Reactor;
  readonly #endpoint: DuplexEndpoint;
  readonly #keeper: UpstreamConnectionKeeper;
  readonly #transport: HttpTransport;
  readonly #bounds: ConnectionBounds;
  #idleTimer: ReactorTimer | undefined;
  #pingTimer: ReactorTimer | undefined;
  #ageTimer: ReactorTimer | undefined;

  /** `endpoint` is open or about to be. */
  constructor(
    reactor: Reactor,
    version: 'HTTP/1.1' | 'HTTP/2',
    endpoint: DuplexEndpoint,
    bounds: ConnectionBounds,
    keeper: UpstreamConnectionKeeper,
  ) {
    this.#bounds = bounds;
    this.#reactor = reactor;
    this.#endpoint = endpoint;
    this.#keeper = keeper;
    this.http =
      version === 'HTTP/2'
        ? new Http2ClientConnection(endpoint.output, this, reactor)
        : new Http1ClientConnection(endpoint.output, this);
    this.#transport = new HttpTransport(endpoint, this.http, () => {
      this.#idleTimer?.cancel();
      this.#pingTimer?.cancel();
      this.#ageTimer?.cancel();
      keeper.onGone(this);
    });
    endpoint.handTo(this.#transport);
  }

  begin(): void {
    this.http.start();
    if (this.#bounds.idleMs > 0) this.#watchIdle();
    const keepalive = this.#bounds.limits?.http2Keepalive ?? null;
    if (keepalive !== null && this.http instanceof Http2ClientConnection)
      this.#pingLater(this.http, keepalive, keepalive.intervalMs);
    const ageMs = this.#bounds.limits?.maxConnectionDurationMs ?? 0;
    if (ageMs > 0) {
      this.#ageTimer = this.#reactor.after(ageMs, () => {
        this.http.drain();
      });
    }
  }

  /** Requests that it takes now. */
  get available(): number {
    const { available, active, requests } = this.http;
    const { limits } = this.#bounds;
    if (limits === undefined) return available;
    const { maxConcurrentStreams, maxRequestsPerConnection } = limits;
    return Math.min(
      available,
      maxConcurrentStreams > 0 ? maxConcurrentStreams - active : available,
      maxRequestsPerConnection > 0 ? maxRequestsPerConnection - requests : available,
    );
  }

  /** It has carried as many requests as it may: it ends with the last of them. */
  endIfSpent(): void {
    const most = this.#bounds.limits?.maxRequestsPerConnection ?? 0;
    if (most > 0 && this.http.requests >= most && !this.http.retired) this.http.drain();
  }

  destroy(error: AmbitError): void {
    this.#endpoint.destroy(error, true);
  }

  onAvailable(): void {
    this.#keeper.onAvailable(this);
  }

  onRetired(): void {
    this.#keeper.onRetired();
  }

  onPauseReading(): void {
    this.#endpoint.pauseReading();
  }

  onResumeReading(): void {
    this.#endpoint.resumeReading();
  }

  onOutputEnd(): void {
    this.#endpoint.endOutput();
  }

  onEnd(error: AmbitError | undefined, cut: boolean): void {
    this.#transport.finish(error, cut);
  }

  /** Looks now and then instead of at each request: an idle connection lives at most twice as long. */
  #watchIdle(): void {
    const before = this.http.requests;
    this.#idleTimer = this.#reactor.after(this.#bounds.idleMs, () => {
      if (this.http.active === 0 && this.http.requests === before) this.http.drain();
      else this.#watchIdle();
    });
  }

  #pingLater(http: Http2ClientConnection, keepalive: Http2Keepalive, ms: number): void {
    this.#pingTimer = this.#reactor.after(ms, () => {
      const before = this.#transport.received;
      http.http.ping();
      this.#awaitLife(http, keepalive, before, 0);
    });
  }

  /** An octet of whatever kind is a sign of life: an answer may stand behind much else. `waited`: since the PING. */
  #awaitLife(http: Http2ClientConnection, keepalive: Http2Keepalive, before: number, waited: number): void {
    const { intervalMs, timeoutMs } = keepalive;
    const wait = waited === 0 ? Math.min(intervalMs, timeoutMs) : timeoutMs - waited;
    this.#pingTimer = this.#reactor.after(wait, () => {
      const since = waited + wait;
      if (this.#transport.received !== before) this.#pingLater(http, keepalive, Math.max(0, intervalMs - since));
      else if (since >= timeoutMs) this.destroy(withoutLife(timeoutMs));
      else this.#awaitLife(http, keepalive, before, since);
    });
  }
}

function withoutLife(timeoutMs: number): AmbitError {
  return new AmbitError(
    'AMBIT_UPSTREAM_SILENT',
    `the endpoint did not answer a PING within ${timeoutMs} ms (connectionPool.http.http2KeepAlive)`,
    { source: 'peer' },
  );
}
