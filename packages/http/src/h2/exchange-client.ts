import type { AmbitError } from '@ambit/core/errors';
import type { ClientConnection, ClientConnectionHandler, ClientExchange, ResponseReceiver } from '../exchange.ts';
import {
  EXCHANGE_CONNECTION_WINDOW_BYTES,
  EXCHANGE_HEADER_LIST_BYTES,
  EXCHANGE_STREAM_WINDOW_BYTES,
} from '../limits.ts';
import type { Http2Connection } from './connection.ts';
import type { Http2Options } from './connection-options.ts';
import { connectRequest, firstProtocol, upgradeAnswer } from './connect-protocol.ts';
import { Http2Exchange, requireFit } from './exchange.ts';
import { Http2ExchangeConnection } from './exchange-connection.ts';
import { type FieldList, fieldValue } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import type { Http2Stream } from './stream.ts';
import type { TurnClock } from './turn-clock.ts';
import { UnwritableError } from '../unwritable.ts';

const DEFAULTS = {
  role: 'client',
  streamWindow: EXCHANGE_STREAM_WINDOW_BYTES,
  connectionWindow: EXCHANGE_CONNECTION_WINDOW_BYTES,
  maxHeaderListSize: EXCHANGE_HEADER_LIST_BYTES,
} as const;

export class Http2ClientExchange extends Http2Exchange<Http2ClientExchange> implements ClientExchange {
  receiver: ResponseReceiver | undefined;
  readonly reusedConnection: boolean;
  /** The protocol that was asked for; undefined: none. */
  readonly upgrade: string | undefined;
  /** The server has agreed to it. */
  switched = false;

  constructor(
    http: Http2Connection<Http2ClientExchange>,
    stream: Http2Stream<Http2ClientExchange>,
    sink: OutputSink,
    receiver: ResponseReceiver,
    reusedConnection: boolean,
    upgrade: string | undefined,
  ) {
    super(http, stream, sink);
    this.receiver = receiver;
    this.reusedConnection = reusedConnection;
    this.upgrade = upgrade;
  }
}

/** The client's end of an HTTP/2 connection whose streams are requests. */
export class Http2ClientConnection extends Http2ExchangeConnection<Http2ClientExchange> implements ClientConnection {
  requests = 0;
  readonly #handler: ClientConnectionHandler;
  #retired = false;
  /** Who wants to know whether the server switches protocols. */
  #waiting: (() => void)[] = [];

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
    return this.retired ? 0 : Math.max(0, this.http.openable - this.#waiting.length);
  }

  get upgrades(): boolean | undefined {
    const { peer } = this.http;
    return peer.known ? peer.connectProtocol : undefined;
  }

  whenSettled(then: () => void): void {
    if (this.upgrades !== undefined || this.retired) then();
    else this.#waiting.push(then);
  }

  request(fields: FieldList, endStream: boolean, receiver: ResponseReceiver): Http2ClientExchange | undefined {
    if (this.available === 0) return undefined;
    const asked = endStream ? undefined : fieldValue(fields, 'upgrade');
    const upgrade = asked === undefined ? undefined : firstProtocol(asked);
    if (upgrade !== undefined && this.upgrades !== true)
      throw new UnwritableError('an upgrade, which the peer does not offer');
    const head = upgrade === undefined ? fields : connectRequest(fields, upgrade);
    requireFit(head, this.http.peer);
    const stream = this.http.request(
      head,
      endStream,
      undefined,
      upgrade === undefined ? headMethod(fields) : 'CONNECT',
    );
    // Writing the head may have ended the connection.
    if (stream === undefined || stream.closed || this.ended) return undefined;
    const exchange = new Http2ClientExchange(this.http, stream, this.sink, receiver, this.requests > 0, upgrade);
    stream.owner = exchange;
    this.requests++;
    return exchange;
  }

  override drain(): void {
    this.#retire();
    super.drain();
  }

  onHeaders(stream: Http2Stream<Http2ClientExchange>, fields: FieldList, endStream: boolean): void {
    const exchange = stream.owner;
    if (exchange === undefined) return;
    const switched = exchange.upgrade === undefined ? undefined : upgradeAnswer(fields, exchange.upgrade);
    if (switched === undefined) return exchange.receiver?.onResponse(fields, endStream);
    exchange.switched = true;
    exchange.receiver?.onResponse(switched, false);
    if (endStream && !exchange.closed) exchange.receiver?.onData(NOTHING, 0, 0, true);
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
    this.#tellWaiting();
    if (this.available > 0) this.#handler.onAvailable();
  }

  onGoAway(): void {
    this.#retire();
    if (this.active === 0 && !this.ended && !this.draining) this.endInOrder();
  }

  override abort(error: AmbitError | undefined): void {
    super.abort(error);
    this.#tellWaiting();
  }

  protected override tellEnd(error: AmbitError | undefined, cut: boolean): void {
    super.tellEnd(error, cut);
    this.#tellWaiting();
  }

  protected override takesTrailers({ switched }: Http2ClientExchange): boolean {
    return !switched;
  }

  protected override concerns(stream: Http2Stream<Http2ClientExchange>): boolean {
    return !stream.remoteEnded;
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#handler.onRetired();
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const then of waiting) then();
  }
}

const NOTHING = Buffer.alloc(0);

function headMethod(fields: FieldList): 'HEAD' | undefined {
  return fieldValue(fields, ':method') === 'HEAD' ? 'HEAD' : undefined;
}
