import type { ClientConnection, ClientConnectionHandler, ClientExchange, ResponseReceiver } from '../exchange.ts';
import {
  EXCHANGE_CONNECTION_WINDOW_BYTES,
  EXCHANGE_HEADER_LIST_BYTES,
  EXCHANGE_STREAM_WINDOW_BYTES,
} from '../limits.ts';
import type { Http2Connection } from './connection.ts';
import type { Http2Options } from './connection-options.ts';
import { Http2Exchange, requireFit } from './exchange.ts';
import { Http2ExchangeConnection } from './exchange-connection.ts';
import { type FieldList, fieldValue } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import type { Http2Stream } from './stream.ts';
import type { TurnClock } from './turn-clock.ts';

const DEFAULTS = {
  role: 'client',
  streamWindow: EXCHANGE_STREAM_WINDOW_BYTES,
  connectionWindow: EXCHANGE_CONNECTION_WINDOW_BYTES,
  maxHeaderListSize: EXCHANGE_HEADER_LIST_BYTES,
} as const;

export class Http2ClientExchange extends Http2Exchange<Http2ClientExchange> implements ClientExchange {
  receiver: ResponseReceiver | undefined;
  readonly reusedConnection: boolean;

  constructor(
    http: Http2Connection<Http2ClientExchange>,
    stream: Http2Stream<Http2ClientExchange>,
    sink: OutputSink,
    receiver: ResponseReceiver,
    reusedConnection: boolean,
  ) {
    super(http, stream, sink);
    this.receiver = receiver;
    this.reusedConnection = reusedConnection;
  }
}

/** The client's end of an HTTP/2 connection whose streams are requests. */
export class Http2ClientConnection extends Http2ExchangeConnection<Http2ClientExchange> implements ClientConnection {
  requests = 0;
  readonly #handler: ClientConnectionHandler;
  #retired = false;

  constructor(
    sink: OutputSink,
    handler: ClientConnectionHandler,
    clock: TurnClock,
    options: Http2Options & { readonly role: 'client' } = DEFAULTS,
  ) {
    super(sink, handler, clock, options);
    this.#handler = handler;
  }

  get retired(): boolean {
    return this.#retired || this.ended;
  }

  get available(): number {
    return this.retired ? 0 : this.http.openable;
  }

  request(fields: FieldList, endStream: boolean, receiver: ResponseReceiver): Http2ClientExchange | undefined {
    if (this.available === 0) return undefined;
    requireFit(fields, this.http.peer);
    const method = fieldValue(fields, ':method') === 'HEAD' ? 'HEAD' : undefined;
    const stream = this.http.request(fields, endStream, undefined, method);
    // Writing the head may have ended the connection.
    if (stream === undefined || stream.closed || this.ended) return undefined;
    const exchange = new Http2ClientExchange(this.http, stream, this.sink, receiver, this.requests > 0);
    stream.owner = exchange;
    this.requests++;
    return exchange;
  }

  override drain(): void {
    this.#retire();
    super.drain();
  }

  onHeaders(stream: Http2Stream<Http2ClientExchange>, fields: FieldList, endStream: boolean): void {
    stream.owner?.receiver?.onResponse(fields, endStream);
  }

  onInformational(stream: Http2Stream<Http2ClientExchange>, fields: FieldList): void {
    stream.owner?.receiver?.onInformational(fields);
  }

  onStreamClosed(): void {
    if (this.ended) return;
    if (!this.#retired) this.#handler.onAvailable();
    else if (this.active === 0 && !this.draining) this.endInOrder();
  }

  onSettings(): void {
    if (this.available > 0) this.#handler.onAvailable();
  }

  onGoAway(): void {
    this.#retire();
    if (this.active === 0 && !this.ended && !this.draining) this.endInOrder();
  }

  protected override concerns(stream: Http2Stream<Http2ClientExchange>): boolean {
    return !stream.remoteEnded;
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#handler.onRetired();
  }
}
