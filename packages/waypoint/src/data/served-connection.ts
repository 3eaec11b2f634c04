import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { ServerConnection, ServerConnectionHandler, ServerExchange } from '@ambit/http/exchange';
import { Http1ServerConnection } from '@ambit/http/h1/server-connection';
import type { FieldList } from '@ambit/http/h2/message-fields';
import { Http2ServerConnection } from '@ambit/http/h2/exchange-server';
import type { Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { RateLimitClient } from '@ambit/traffic/rate-limit/rate-limits';
import { SERVICE_NOT_SERVED } from '../answers.ts';
import { DOWNSTREAM_IDLE_MS } from '../limits.ts';
import type { ClientAuthorization } from './client-authorization.ts';
import type { ClientRoutes } from './client-routes.ts';
import type { LiveTelemetry } from './live-telemetry.ts';
import type { DataThreadContext } from './context.ts';
import { ServedRequest } from './served-request.ts';
import { RequestRecord } from './request-record.ts';
import type { LoggedDownstream } from '@ambit/telemetry/http-log-record';
import type { Party } from '@ambit/telemetry/traffic-metrics';
import { portOf } from './served-services.ts';
import { HttpTransport } from './transport.ts';

/** Who is at the other end of a tunnel, and what was dialled. */
export interface ServedClient extends RateLimitClient {
  /** `spiffe://…`, proved by the tunnel. */
  readonly principal: string;
  readonly address: SocketAddress;
  /** By its address; undefined when the mesh does not know it. */
  readonly workload: Workload | undefined;
  /** The virtual address of a service, or the address of a workload, and the port that the client dialled. */
  readonly dialled: SocketAddress;
  /** `dialled` as text. */
  readonly authority: string;
  readonly routes: ClientRoutes;
  readonly authorization: ClientAuthorization;
  /** What is served there: the key of the service or the uid of the workload. */
  readonly served: string;
  /** The service at that address, as it was when the connection began; undefined when it is a workload's. */
  readonly service: Service | undefined;
}

/** A client's HTTP connection inside its tunnel. */
export class ServedConnection implements ServerConnectionHandler {
  readonly thread: DataThreadContext;
  readonly client: ServedClient;
  /** What the log says of every request alike. */
  readonly logged: LoggedDownstream;
  readonly source: Party;
  readonly #endpoint: DuplexEndpoint;
  readonly #http: ServerConnection;
  readonly #transport: HttpTransport;
  #timer: ReactorTimer | undefined;
  #requests = 0;
  #requestsAtLook = -1;
  #idleSince: number;

  /** Takes over an open tunnel. */
  constructor(
    thread: DataThreadContext,
    client: ServedClient,
    endpoint: DuplexEndpoint,
    version: 'HTTP/1.1' | 'HTTP/2',
  ) {
    this.thread = thread;
    this.client = client;
    this.#endpoint = endpoint;
    this.logged = thread.requestLog.downstream(client);
    this.source = thread.metrics.traffic.party(client.workload, client.principal);
    this.#http =
      version === 'HTTP/2'
        ? new Http2ServerConnection(endpoint.output, this, thread.reactor)
        : new Http1ServerConnection(endpoint.output, this);
    this.#transport = new HttpTransport(endpoint, this.#http, () => {
      this.#timer?.cancel();
      thread.connections.delete(this);
    });
    this.#idleSince = thread.reactor.now;
    thread.connections.add(this);
    endpoint.handTo(this.#transport);
    this.#http.start();
    this.#watch();
  }

  /** What was read before the connection was made. */
  receive(bytes: Buffer, start: number, end: number): void {
    this.#http.receive(bytes, start, end);
  }

  get authority(): string {
    return this.client.authority;
  }

  /** Requests under way. */
  get active(): number {
    return this.#http.active;
  }

  /** The policies in force have changed some time ago: requests that still last are judged by them. */
  reconsider(): void {
    for (const receiver of this.#http.receivers) if (receiver instanceof ServedRequest) receiver.reconsider();
  }

  /** Ends with the requests that are under way, or with the next one when there is none: it may be on its way. */
  drain(): void {
    this.#http.drain(true);
  }

  /** Ends now when nothing is under way. */
  endIdle(): void {
    this.#http.drain();
  }

  destroy(error: AmbitError): void {
    this.#endpoint.destroy(error, true);
  }

  onRequest(exchange: ServerExchange, fields: FieldList, endStream: boolean): void {
    this.#requests += 1;
    const { served, dialled } = this.client;
    const live = this.thread.services.find(served);
    const port = live === undefined ? undefined : portOf(live, dialled.port);
    const record = new RequestRecord(this.thread, this, exchange.version, fields, live?.telemetry);
    const request = new ServedRequest(this, exchange, endStream, record);
    if (live === undefined || port === undefined) request.answer(SERVICE_NOT_SERVED);
    else request.begin(fields, live, this.client.routes.of(port));
  }

  onRefused(status: number, reason: string): void {
    new RequestRecord(this.thread, this, this.#http.version, [], this.#telemetry).refused(status, reason);
  }

  onPipelined(): void {
    this.thread.reactor.defer(() => {
      this.#http.proceed();
    });
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

  get #telemetry(): LiveTelemetry | undefined {
    return this.thread.services.find(this.client.served)?.telemetry;
  }

  /** A request is over; the connection may be idle now. */
  onRequestOver(): void {
    this.#idleSince = this.thread.reactor.now;
  }

  /** Looks now and then: a head that has begun at one look must be complete at the next. */
  #watch(): void {
    this.#timer = this.thread.reactor.after(this.thread.config.headTimeout, () => {
      const slow = this.#http.inHead && this.#requestsAtLook === this.#requests;
      if (slow) this.#http.timeOutHead();
      else if (this.#http.idle && this.thread.reactor.now - this.#idleSince >= DOWNSTREAM_IDLE_MS) this.#http.drain();
      this.#requestsAtLook = this.#http.inHead ? this.#requests : -1;
      if (!this.#http.ended) this.#watch();
    });
  }
}
