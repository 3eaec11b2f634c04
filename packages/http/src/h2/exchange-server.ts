import type { ExchangeReceiver, ServerConnection, ServerConnectionHandler, ServerExchange } from '../exchange.ts';
import { EXCHANGE_CONNECTION_WINDOW_BYTES, EXCHANGE_STREAM_WINDOW_BYTES } from '../limits.ts';
import type { Http2Connection } from './connection.ts';
import type { Http2Options } from './connection-options.ts';
import { fits, Http2Exchange, requireFit } from './exchange.ts';
import { Http2ExchangeConnection } from './exchange-connection.ts';
import { connectAnswer, upgradeRequest } from './connect-protocol.ts';
import { ErrorCode } from './frames.ts';
import { type FieldList, fieldValue } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import { upgradeProtocols } from '../upgrade.ts';
import { Http2ConnectionError } from './errors.ts';
import type { Http2Stream } from './stream.ts';
import type { TurnClock } from './turn-clock.ts';

const DEFAULTS = {
  role: 'server',
  streamWindow: EXCHANGE_STREAM_WINDOW_BYTES,
  connectionWindow: EXCHANGE_CONNECTION_WINDOW_BYTES,
  connectProtocol: true,
} as const;

export class Http2ServerExchange extends Http2Exchange<Http2ServerExchange> implements ServerExchange {
  receiver: ExchangeReceiver | undefined = undefined;
  readonly expectsContinue: boolean;
  /** The `:protocol` of a CONNECT (RFC 8441): there is no field Upgrade in HTTP/2. */
  readonly upgrade: string | undefined;

  constructor(
    http: Http2Connection<Http2ServerExchange>,
    stream: Http2Stream<Http2ServerExchange>,
    sink: OutputSink,
    expectsContinue: boolean,
    upgrade: string | undefined,
  ) {
    super(http, stream, sink);
    this.expectsContinue = expectsContinue;
    this.upgrade = upgrade;
  }

  inform(fields: FieldList): void {
    if (fits(fields, this.http.peer)) this.http.inform(this.stream, fields);
  }

  respond(fields: FieldList, endStream: boolean): void {
    if (this.closed || this.stream.headersSent) return;
    const head = this.upgrade === undefined ? fields : connectAnswer(fields, this.upgrade);
    requireFit(head, this.http.peer);
    this.http.respond(this.stream, head, endStream);
  }
}

/** The server's end of an HTTP/2 connection whose streams are requests; CONNECT is refused unless it names a protocol. */
export class Http2ServerConnection extends Http2ExchangeConnection<Http2ServerExchange> implements ServerConnection {
  readonly #handler: ServerConnectionHandler;

  constructor(
    sink: OutputSink,
    handler: ServerConnectionHandler,
    clock: TurnClock,
    options: Http2Options & { readonly role: 'server' } = DEFAULTS,
  ) {
    super(sink, handler, clock, options);
    this.#handler = handler;
  }

  get idle(): boolean {
    return this.active === 0;
  }

  get inHead(): boolean {
    return this.http.inHead;
  }

  timeOutHead(): void {
    if (this.ended) return;
    if (this.inHead) this.fail(new Http2ConnectionError(ErrorCode.protocolError, 'a head that took too long'));
    else if (this.idle) this.endInOrder();
  }

  proceed(): void {
    // Streams do not wait for each other.
  }

  onHeaders(stream: Http2Stream<Http2ServerExchange>, fields: FieldList, endStream: boolean): void {
    const authority = fieldValue(fields, ':authority') ?? fieldValue(fields, 'host');
    if (stream.connectRequest) return this.#onConnect(stream, fields, authority, endStream);
    if (authority === undefined) return this.#refuse(stream, 400, 'a request without :authority');
    const expectsContinue = !endStream && fieldValue(fields, 'expect')?.toLowerCase() === '100-continue';
    const exchange = new Http2ServerExchange(this.http, stream, this.sink, expectsContinue, undefined);
    stream.owner = exchange;
    this.#handler.onRequest(exchange, inOrder(fields, authority), endStream);
  }

  protected override takesTrailers({ upgrade }: Http2ServerExchange): boolean {
    return upgrade === undefined;
  }

  onRefused(status: number, problem: string): void {
    this.#handler.onRefused(status, problem);
  }

  onInformational(): void {
    // Servers receive none.
  }

  onStreamClosed(): void {
    // The exchange has been told.
  }

  onSettings(): void {
    // Windows and limits are the engine's matter.
  }

  onGoAway(): void {
    // A client that goes away still waits for its answers.
  }

  #onConnect(
    stream: Http2Stream<Http2ServerExchange>,
    fields: FieldList,
    authority: string | undefined,
    endStream: boolean,
  ): void {
    const protocol = fieldValue(fields, ':protocol');
    if (protocol === undefined) return this.#refuse(stream, 501, 'CONNECT, which opens a tunnel');
    if (authority === undefined) return this.#refuse(stream, 400, 'a request without :authority');
    if (upgradeProtocols(protocol) === undefined) return this.#refuse(stream, 501, `CONNECT to ${protocol}`);
    const exchange = new Http2ServerExchange(this.http, stream, this.sink, false, protocol);
    stream.owner = exchange;
    this.#handler.onRequest(exchange, upgradeRequest(fields, authority, protocol), false);
    // It has nothing to say in the other protocol, and may listen all the same.
    if (endStream && !exchange.closed) exchange.receiver?.onData(NOTHING, 0, 0, true);
  }

  #refuse(stream: Http2Stream<Http2ServerExchange>, status: number, problem: string): void {
    this.http.respond(stream, [':status', String(status)], true);
    this.http.resetStream(stream, ErrorCode.noError);
    this.#handler.onRefused(status, problem);
  }
}

const NOTHING = Buffer.alloc(0);

/** Pseudo fields in the one order that readers may rely on, and the authority there instead of in Host. */
function inOrder(fields: FieldList, authority: string): FieldList {
  if (fields[0] === ':method' && fields[2] === ':scheme' && fields[4] === ':authority' && fields[6] === ':path') {
    if (fieldValue(fields, 'host') === undefined) return fields;
  }
  const ordered = [
    ':method',
    fieldValue(fields, ':method') ?? '',
    ':scheme',
    fieldValue(fields, ':scheme') ?? '',
    ':authority',
    authority,
    ':path',
    fieldValue(fields, ':path') ?? '',
  ];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!name.startsWith(':') && name !== 'host') ordered.push(name, fields[at + 1] ?? '');
  }
  return ordered;
}
