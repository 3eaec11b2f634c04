import type { ServerConnection, ServerConnectionHandler } from '../exchange.ts';
import { ErrorCode } from '../h2/frames.ts';
import { type FieldList, fieldValue } from '../h2/message-fields.ts';
import type { OutputSink } from '../h2/output-sink.ts';
import { H1_DISCARDED_BYTES, H1_PIPELINED_BYTES } from '../limits.ts';
import { Http1Connection, incomplete, malformedReset } from './connection.ts';
import { Http1Error } from './errors.ts';
import { Http1ServerExchange, type ServerExchangeOwner } from './exchange.ts';
import { HeadParser } from './internal/head-parser.ts';
import type { Persistence } from './internal/head-writer.ts';

export interface Http1ServerOptions {
  /** What `:scheme` of requests says: 'https' where TLS was taken off. Default 'http'. */
  readonly scheme?: 'http' | 'https';
}

const NOTHING = Buffer.alloc(0);

/**
 * The server's end of an HTTP/1 connection, without I/O. Requests are read one at a time: octets that come before the answer to
 * the former request is complete are kept unread (at most `H1_PIPELINED_BYTES`) while reading is paused, and `onPipelined`
 * tells when `proceed` may read them.
 *
 * A malformed request is answered here (`onRefused`), or cuts the answer that has begun; either way the connection ends.
 * A request that fails after its head was handed over fails its exchange by `onReset` (`malformed`), and is answered here if
 * `respond` was not called yet.
 */
export class Http1ServerConnection
  extends Http1Connection<Http1ServerExchange>
  implements ServerConnection, ServerExchangeOwner
{
  readonly #handler: ServerConnectionHandler;
  /** What came after the request at hand: `#pipelined[#pipelinedStart, #pipelinedEnd)`. */
  #pipelined: Buffer = NOTHING;
  #pipelinedStart = 0;
  #pipelinedEnd = 0;
  /** The client waits for 100, and nothing of the content has come. */
  #awaitsContinue = false;
  /** The last thing that happened is the end of an exchange. */
  #afterAnswer = false;
  /** Octets that may still be skipped for the connection's sake. */
  #discardable = 0;

  constructor(sink: OutputSink, handler: ServerConnectionHandler, options: Http1ServerOptions = {}) {
    super(sink, handler, new HeadParser('request', options.scheme ?? 'http'));
    this.#handler = handler;
  }

  get idle(): boolean {
    return this.exchange === undefined && !this.reader.inHead && this.#pipelinedLength === 0;
  }

  get inHead(): boolean {
    return this.reader.inHead || this.#discards;
  }

  /** Only the rest of an answered request is awaited, to be skipped. */
  get #discards(): boolean {
    return this.exchange?.closed === true;
  }

  get #pipelinedLength(): number {
    return this.#pipelinedEnd - this.#pipelinedStart;
  }

  receive(bytes: Buffer, start: number, end: number): boolean {
    if (this.isOver()) return !this.ended;
    const waits = this.#pipelinedLength > 0 || (this.exchange !== undefined && this.reader.complete);
    const at = waits ? start : this.read(bytes, start, end);
    if (this.isOver()) return !this.ended;
    if (at < end) this.#keep(bytes, at, end);
    else if (this.draining && !waits && this.#afterAnswer) this.drain();
    return !this.ended;
  }

  receiveEnd(): void {
    if (this.isOver() || this.inputEnded) return;
    this.inputEnded = true;
    if (this.exchange === undefined) this.#endOfRequests();
    else if (this.exchange.switched) this.#endOfSwitched();
    else if (!this.reader.complete) this.finish(incomplete('a request'), true);
  }

  proceed(): void {
    if (this.isOver()) return;
    if (this.exchange?.switched === true) return this.#proceedSwitched();
    if (this.exchange !== undefined || this.#pipelinedLength === 0) return;
    const bytes = this.#pipelined;
    // Nothing is added to it meanwhile.
    this.#pipelinedStart = this.read(bytes, this.#pipelinedStart, this.#pipelinedEnd);
    if (this.isOver() || this.#pipelinedLength > 0) return;
    this.#pipelined = NOTHING;
    this.#pipelinedStart = 0;
    this.#pipelinedEnd = 0;
    if (this.inputEnded && this.active === 0) this.#endOfRequests();
    else if (this.inputEnded && !this.reader.complete) this.finish(incomplete('a request'), true);
    else if (this.draining && this.#afterAnswer) this.drain();
    else this.updateReading();
  }

  #proceedSwitched(): void {
    const bytes = this.#pipelined;
    const [start, end] = [this.#pipelinedStart, this.#pipelinedEnd];
    this.#pipelined = NOTHING;
    this.#pipelinedStart = 0;
    this.#pipelinedEnd = 0;
    if (start < end) this.read(bytes, start, end);
    if (this.inputEnded) this.#endOfSwitched();
    else this.updateReading();
  }

  #endOfSwitched(): void {
    if (this.isOver()) return;
    this.reading = true;
    this.reader.endOfInput();
    this.reading = false;
    this.checkOver();
  }

  /** With `keepIdle` an idle connection waits for one more request, whose answer says `connection: close`. */
  drain(keepIdle = false): void {
    this.draining = true;
    if (!keepIdle && !this.isOver() && this.idle) this.finish(undefined, false);
  }

  timeOutHead(): void {
    if (this.#discards) return this.finish(undefined, false);
    if (this.isOver() || this.exchange !== undefined) return;
    if (this.reader.inHead) this.onMalformed(new Http1Error('head-timeout', 'a head that took too long', 408));
    else if (this.idle) this.finish(undefined, false);
  }

  onHead(): void {
    const { head, reader } = this;
    if (head.chunked) reader.body.expectChunks();
    else if (head.contentLength > 0) reader.body.expectLength(head.contentLength);
    else reader.body.expectNothing();
    const upgrade = head.upgrade === '' ? undefined : head.upgrade;
    const endStream = reader.body.done && upgrade === undefined;
    this.persistent = !head.options.close && (!head.old || head.options.keepAlive);
    this.#awaitsContinue = head.expectsContinue && !endStream;
    const exchange = new Http1ServerExchange(
      this,
      head.old ? 'HTTP/1.0' : 'HTTP/1.1',
      head.method === 'HEAD',
      this.#awaitsContinue,
      upgrade,
    );
    exchange.remoteEnded = endStream;
    this.exchange = exchange;
    this.#afterAnswer = false;
    this.#handler.onRequest(exchange, head.fields, endStream);
  }

  override onContent(bytes: Buffer, from: number, to: number, last: boolean): void {
    this.#awaitsContinue = false;
    super.onContent(bytes, from, to, last);
  }

  respond(fields: FieldList, endStream: boolean): void {
    const exchange = this.exchange;
    if (exchange === undefined) return;
    if (fields[1] === '101' && exchange.upgrade !== undefined) {
      this.#switch(exchange, fields);
      return;
    }
    const chunks = exchange.version === 'HTTP/1.1';
    // Towards HTTP/1.0 only a declared length leaves the connection usable.
    const delimited =
      chunks ||
      endStream ||
      exchange.headRequest ||
      fieldValue(fields, 'content-length') !== undefined ||
      isEmpty(fields);
    // A client that waits for 100 may send the content or not after a final answer: nobody could tell what comes then.
    const stays = this.persistent && delimited && !this.#awaitsContinue && !this.draining;
    const persistence: Persistence = !stays ? 'close' : chunks ? 'implied' : 'keep-alive';
    this.writer.response(fields, endStream, exchange.headRequest, chunks, persistence);
    exchange.headSent = true;
    // Without a switch an upgrade has no content.
    if (exchange.upgrade !== undefined) exchange.remoteEnded = true;
    this.persistent = stays;
    if (this.writer.problem !== undefined) return this.onProblem();
    if (!endStream) return;
    exchange.localEnded = true;
    this.onLocalEnd();
  }

  /** From now on the connection is two streams of octets; those that came already are read next. */
  #switch(exchange: Http1ServerExchange, fields: FieldList): void {
    this.writer.switching(fields);
    exchange.headSent = true;
    exchange.switched = true;
    this.persistent = false;
    this.reader.switchProtocols();
    if (this.writer.problem !== undefined) this.onProblem();
    else if (this.#pipelinedLength > 0 || this.inputEnded) this.#handler.onPipelined();
  }

  inform(fields: FieldList): void {
    const exchange = this.exchange;
    if (exchange === undefined || exchange.version === 'HTTP/1.0') return;
    this.writer.interim(fields);
    this.#awaitsContinue = false;
    if (this.writer.problem !== undefined) this.onProblem();
  }

  giveUp(errorCode: number): void {
    const exchange = this.exchange;
    if (exchange === undefined) return;
    exchange.receiver = undefined;
    if (errorCode === ErrorCode.noError && exchange.localEnded) {
      exchange.closed = true;
      this.#discardable = H1_DISCARDED_BYTES;
      if (!this.persistent) this.finish(undefined, false);
      return;
    }
    this.finish(undefined, true);
  }

  protected override onUnwanted(size: number): void {
    if (this.exchange?.closed !== true) return;
    this.#discardable -= size;
    if (this.#discardable < 0) this.finish(undefined, false);
  }

  protected override onExchangeOver(): void {
    const pipelined = this.#pipelinedLength > 0;
    if (!this.persistent || (!pipelined && !this.reading && (this.draining || this.inputEnded))) {
      this.finish(undefined, false);
      return;
    }
    this.#afterAnswer = true;
    this.reader.next();
    if (pipelined && !this.reading) this.#handler.onPipelined();
  }

  protected override onMalformed(error: Http1Error): void {
    const exchange = this.exchange;
    if (exchange?.localEnded === true) return this.finish(error, false, malformedReset(error));
    if (exchange?.headSent === true) return this.finish(error, true, malformedReset(error));
    this.#handler.onRefused(error.status, error.reason);
    if (this.isOver()) return;
    const answer = [':status', String(error.status), 'x-ambit-reason', error.code];
    this.writer.response(answer, true, exchange?.headRequest ?? false, true, 'close');
    this.finish(error, false, malformedReset(error));
  }

  protected override holdsInput(): boolean {
    return this.#pipelinedLength > 0;
  }

  private get head(): HeadParser {
    return this.reader.head;
  }

  #endOfRequests(): void {
    if (this.#pipelinedLength > 0) return;
    if (this.reader.inHead) this.finish(incomplete('the head of a request'), true);
    else this.finish(undefined, false);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#pipelinedLength + end - start;
    if (length > H1_PIPELINED_BYTES) {
      // The answer at hand is not to blame, but what comes after it cannot be held.
      return this.onMalformed(
        new Http1Error('pipelined-too-much', `more than ${H1_PIPELINED_BYTES} octets after a request`),
      );
    }
    if (this.#pipelinedEnd + end - start > this.#pipelined.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, length));
      this.#pipelined.copy(larger, 0, this.#pipelinedStart, this.#pipelinedEnd);
      this.#pipelined = larger;
      this.#pipelinedEnd = this.#pipelinedLength;
      this.#pipelinedStart = 0;
    }
    bytes.copy(this.#pipelined, this.#pipelinedEnd, start, end);
    this.#pipelinedEnd += end - start;
    this.updateReading();
  }
}

function isEmpty(fields: FieldList): boolean {
  return fields[1] === '204' || fields[1] === '304';
}
