import type { ClientConnection, ClientConnectionHandler, ResponseReceiver } from '../exchange.ts';
import { type FieldList, fieldValue } from '../h2/message-fields.ts';
import type { OutputSink } from '../h2/output-sink.ts';
import { MAX_INTERIM_RESPONSES } from '../limits.ts';
import { Http1Connection, incomplete, malformedReset } from './connection.ts';
import { Http1Error } from './errors.ts';
import { Http1ClientExchange } from './exchange.ts';
import { HeadParser } from './internal/head-parser.ts';
import { isAnswerTo } from '../upgrade.ts';

/**
 * The client's end of an HTTP/1 connection, without I/O. One request at a time: `available` says when the next may be sent. A
 * malformed response, or octets that no request asked for, end the connection.
 */
export class Http1ClientConnection extends Http1Connection<Http1ClientExchange> implements ClientConnection {
  requests = 0;
  readonly #handler: ClientConnectionHandler;
  #retired = false;

  constructor(sink: OutputSink, handler: ClientConnectionHandler) {
    super(sink, handler, new HeadParser('response'));
    this.#handler = handler;
  }

  get retired(): boolean {
    return this.#retired || this.isOver();
  }

  get upgrades(): true {
    return true;
  }

  whenSettled(then: () => void): void {
    then();
  }

  get available(): number {
    // The rest of an answer that somebody reads slowly would hold up the next one's.
    return this.retired || this.exchange !== undefined || this.holdsContent ? 0 : 1;
  }

  request(fields: FieldList, endStream: boolean, receiver: ResponseReceiver): Http1ClientExchange | undefined {
    if (this.available === 0) return undefined;
    this.writer.request(fields, endStream, 'implied');
    const exchange = new Http1ClientExchange(
      this,
      receiver,
      fieldValue(fields, ':method') === 'HEAD',
      this.requests > 0,
      this.writer.upgrading ? fieldValue(fields, 'upgrade') : undefined,
    );
    this.requests++;
    this.exchange = exchange;
    exchange.localEnded = endStream;
    if (this.writer.problem !== undefined) this.onProblem();
    return exchange;
  }

  receive(bytes: Buffer, start: number, end: number): boolean {
    if (this.isOver()) return !this.ended;
    const busy = this.exchange !== undefined;
    const at = busy ? this.read(bytes, start, end) : start;
    if (this.isOver()) return !this.ended;
    if (at < end) this.finish(new Http1Error('unsolicited-response', 'octets that no request asked for'), true);
    else if (busy && this.available > 0) this.#handler.onAvailable();
    return !this.ended;
  }

  receiveEnd(): void {
    if (this.isOver() || this.inputEnded) return;
    this.inputEnded = true;
    if (this.exchange === undefined) return this.finish(undefined, false);
    this.reading = true;
    const completed = this.reader.complete || this.reader.endOfInput();
    this.reading = false;
    if (completed) this.checkOver();
    else this.finish(incomplete('a response'), true);
  }

  drain(): void {
    this.draining = true;
    if (this.exchange === undefined) this.finish(undefined, false);
    else this.#retire();
  }

  onHead(): void {
    const { exchange, reader } = this;
    if (exchange === undefined) return;
    const { head, body } = reader;
    const framed = head.chunked || head.contentLength > 0;
    if (head.status === 101) return this.#switch(exchange, head, framed);
    if (head.status < 200) return this.#onInterim(exchange, head, framed);
    if (exchange.upgrade !== undefined) {
      // The server goes on as if nothing had been asked: the request is complete.
      this.writer.upgraded(false);
      exchange.localEnded = true;
    }
    if (head.status === 204 && framed) throw new Http1Error('unwanted-content', 'a status 204 that announces content');
    if (exchange.headRequest || head.status === 204 || head.status === 304) body.expectNothing();
    else if (head.chunked) body.expectChunks();
    else if (head.contentLength >= 0) body.expectLength(head.contentLength);
    else body.expectUntilClose();
    this.persistent = !head.options.close && !body.untilClose && (!head.old || head.options.keepAlive);
    exchange.remoteEnded = body.done;
    if (!this.persistent) this.#retire();
    exchange.receiver?.onResponse(head.fields, body.done);
  }

  giveUp(): void {
    if (this.exchange !== undefined) this.exchange.receiver = undefined;
    this.finish(undefined, true);
  }

  protected override checkOver(): boolean {
    // An answer before the end of the question: what the server makes of the rest is unknown.
    if (this.reader.complete && this.exchange?.localEnded === false) this.#retire();
    super.checkOver();
    // What comes behind a response was not asked for: it is not read.
    return false;
  }

  protected override onExchangeOver(): void {
    if (this.#retired || this.inputEnded) return this.finish(undefined, false);
    this.reader.next();
  }

  protected override onReleased(): void {
    if (!this.reading && this.available > 0) this.#handler.onAvailable();
  }

  protected override onMalformed(error: Http1Error): void {
    this.finish(error, true, malformedReset(error));
  }

  protected override holdsInput(): boolean {
    return false;
  }

  #onInterim(exchange: Http1ClientExchange, head: HeadParser, framed: boolean): void {
    if (framed) throw new Http1Error('unwanted-content', `a status ${head.status} that announces content`);
    if (++exchange.interims > MAX_INTERIM_RESPONSES) {
      throw new Http1Error('too-many-interim-responses', `more than ${MAX_INTERIM_RESPONSES} interim responses`);
    }
    const { fields } = head;
    this.reader.next();
    exchange.receiver?.onInformational(fields);
  }

  #switch(exchange: Http1ClientExchange, head: HeadParser, framed: boolean): void {
    if (exchange.upgrade === undefined || !isAnswerTo(exchange.upgrade, head.upgrade)) {
      throw new Http1Error('switching-protocols', 'a status 101 to what nobody asked for');
    }
    if (framed) throw new Http1Error('unwanted-content', 'a status 101 that announces content');
    this.reader.switchProtocols();
    this.writer.upgraded(true);
    exchange.switched = true;
    this.persistent = false;
    this.#retire();
    exchange.receiver?.onResponse(withoutLength(head.fields), false);
    if (!this.writer.waiting) return;
    this.writer.waiting = false;
    exchange.receiver?.onWritable();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#handler.onRetired();
  }
}

/** A length of 0 says nothing, and the field may not go with a status 101 (RFC 9110 8.6). */
function withoutLength(fields: FieldList): FieldList {
  const at = fields.indexOf('content-length');
  return at < 0 ? fields : fields.filter((_, index) => index !== at && index !== at + 1);
}
