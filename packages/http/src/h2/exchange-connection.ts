import type { AmbitError } from '@ambit/core/errors';
import type { ExchangeReceiver, HttpConnection, HttpConnectionHandler } from '../exchange.ts';
import { Http2Connection } from './connection.ts';
import type { Http2Options } from './connection-options.ts';
import type { Http2ConnectionError } from './errors.ts';
import { connectionLost, type Http2Exchange, streamReset } from './exchange.ts';
import { ErrorCode } from './frames.ts';
import type { Http2Handler } from './handler.ts';
import type { FieldList } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import type { Http2Stream } from './stream.ts';
import type { TurnClock } from './turn-clock.ts';

/** What both ends of an HTTP/2 connection share when its streams are exchanges. */
export abstract class Http2ExchangeConnection<Exchange extends Http2Exchange<Exchange>>
  implements HttpConnection, Http2Handler<Exchange>
{
  readonly version = 'HTTP/2' as const;
  /** The protocol engine, for what an exchange has no word for (ping). */
  readonly http: Http2Connection<Exchange>;
  protected readonly sink: OutputSink;
  protected draining = false;
  readonly #handler: HttpConnectionHandler;
  #told = false;

  protected constructor(sink: OutputSink, handler: HttpConnectionHandler, clock: TurnClock, options: Http2Options) {
    this.sink = sink;
    this.#handler = handler;
    this.http = new Http2Connection<Exchange>(sink, this, clock, options);
  }

  get ended(): boolean {
    return this.#told || this.http.ended;
  }

  get active(): number {
    return this.http.streams.size;
  }

  get receivers(): ExchangeReceiver[] {
    return [...this.http.streams.values()].flatMap(({ owner }) => owner?.receiver ?? []);
  }

  start(): void {
    this.http.start();
  }

  receive(bytes: Buffer, start: number, end: number): boolean {
    return this.http.receive(bytes, start, end);
  }

  receiveEnd(): void {
    if (this.ended) return;
    const open = this.active > 0;
    this.http.abort();
    this.#loseStreams('the peer ended the connection');
    this.tellEnd(undefined, open);
  }

  outputDrained(): void {
    this.http.outputDrained();
  }

  drain(): void {
    this.draining = true;
    this.http.drain();
  }

  abort(error: AmbitError | undefined): void {
    if (this.#told) return;
    this.#told = true;
    this.http.abort();
    this.#loseStreams(error?.message ?? 'the connection is over');
  }

  abstract onHeaders(stream: Http2Stream<Exchange>, fields: FieldList, endStream: boolean): void;
  abstract onInformational(stream: Http2Stream<Exchange>, fields: FieldList): void;
  abstract onStreamClosed(stream: Http2Stream<Exchange>): void;
  abstract onSettings(): void;
  abstract onGoAway(lastStreamId: number, errorCode: number, debug: string): void;

  onTrailers(stream: Http2Stream<Exchange>, fields: FieldList): void {
    const { owner } = stream;
    const receiver = owner?.receiver;
    if (stream.connectRequest && owner !== undefined && !this.takesTrailers(owner)) {
      // Only content goes either way in another protocol (RFC 9113 8.5).
      this.http.resetStream(stream, ErrorCode.protocolError);
      receiver?.onReset(streamReset(ErrorCode.protocolError, false));
    } else if (fields.length === 0) receiver?.onData(NOTHING, 0, 0, true);
    else receiver?.onTrailers(fields);
  }

  onData(stream: Http2Stream<Exchange>, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const receiver = stream.owner?.receiver;
    if (receiver === undefined) this.http.release(stream, end - start);
    else receiver.onData(bytes, start, end, endStream);
  }

  onReset(stream: Http2Stream<Exchange>, errorCode: number, byPeer: boolean): void {
    if (this.concerns(stream)) stream.owner?.receiver?.onReset(streamReset(errorCode, byPeer));
  }

  onWritable(stream: Http2Stream<Exchange>): void {
    stream.owner?.receiver?.onWritable();
  }

  onPong(): void {
    // A sign of life; whoever pings through `http` sees the octets arrive.
  }

  onDrained(): void {
    this.endInOrder();
  }

  onError(error: Http2ConnectionError): void {
    this.#loseStreams(error.message);
    this.tellEnd(error, false);
  }

  /** Whether the content of an exchange that asks for another protocol may end with trailers. */
  protected abstract takesTrailers(exchange: Exchange): boolean;

  /** Ends the connection because the peer broke a rule that only its owner sees. */
  protected fail(error: Http2ConnectionError): void {
    this.http.close(error.errorCode, error.message);
    this.onError(error);
  }

  /** Whether the end of a stream is of interest to its receiver. */
  protected concerns(_stream: Http2Stream<Exchange>): boolean {
    return true;
  }

  protected endInOrder(): void {
    this.http.close(ErrorCode.noError);
    this.tellEnd(undefined, false);
  }

  protected tellEnd(error: AmbitError | undefined, cut: boolean): void {
    if (this.#told) return;
    this.#told = true;
    this.#handler.onEnd(error, cut);
  }

  #loseStreams(detail: string): void {
    for (const stream of this.http.streams.values()) {
      stream.closed = true;
      if (this.concerns(stream)) stream.owner?.receiver?.onReset(connectionLost(detail));
    }
  }
}

const NOTHING = Buffer.alloc(0);
