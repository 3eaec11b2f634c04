import { AmbitError } from '@ambit/core/errors';
import type { ExchangeReceiver, ExchangeReset, HttpConnection, HttpConnectionHandler } from '../exchange.ts';
import { ErrorCode } from '../h2/frames.ts';
import type { FieldList } from '../h2/message-fields.ts';
import type { OutputSink } from '../h2/output-sink.ts';
import { H1_UNRELEASED_BYTES } from '../limits.ts';
import { Http1Error } from './errors.ts';
import type { ExchangeOwner, Http1Exchange } from './exchange.ts';
import type { HeadParser } from './internal/head-parser.ts';
import { type MessageConsumer, MessageReader } from './internal/message-reader.ts';
import { MessageWriter } from './internal/message-writer.ts';

/**
 * What both ends of an HTTP/1 connection share (RFC 9112): one exchange at a time, content in both directions, the pause of
 * reading while content waits to be released, and the end.
 */
export abstract class Http1Connection<Exchange extends Http1Exchange>
  implements HttpConnection, MessageConsumer, ExchangeOwner
{
  readonly version = 'HTTP/1.1' as const;
  readonly writer: MessageWriter;
  protected readonly reader: MessageReader;
  /** The exchange at hand; undefined between two. */
  protected exchange: Exchange | undefined = undefined;
  /** Another exchange may follow the one at hand. */
  protected persistent = true;
  protected draining = false;
  /** The peer has finished sending. */
  protected inputEnded = false;
  /** `read` is on the stack: what follows an exchange is its matter. */
  protected reading = false;
  /** Over but for what has to be sent before `onEnd`. */
  #ending = false;
  #ended = false;
  #endError: AmbitError | undefined;
  /** Our direction ends when the head of the switch has found room. */
  #endsOutput = false;
  #unreleased = 0;
  #paused = false;
  readonly #handler: HttpConnectionHandler;

  protected constructor(sink: OutputSink, handler: HttpConnectionHandler, head: HeadParser) {
    this.#handler = handler;
    this.writer = new MessageWriter(sink);
    this.reader = new MessageReader(this, head);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get active(): number {
    return this.exchange === undefined ? 0 : 1;
  }

  get receivers(): ExchangeReceiver[] {
    const receiver = this.exchange?.receiver;
    return receiver === undefined ? [] : [receiver];
  }

  /** Nothing is read any more. */
  protected isOver(): boolean {
    return this.#ending;
  }

  start(): void {
    // HTTP/1 begins with the first request.
  }

  abstract receive(bytes: Buffer, start: number, end: number): boolean;
  abstract receiveEnd(): void;
  abstract drain(): void;
  abstract onHead(): void;
  /** Both sides of the exchange at hand are complete. */
  protected abstract onExchangeOver(): void;
  /** The peer broke a rule. */
  protected abstract onMalformed(error: Http1Error): void;
  abstract giveUp(errorCode: number): void;
  /** Whether reading has to wait for another reason than content. */
  protected abstract holdsInput(): boolean;

  outputDrained(): void {
    if (this.#ended || !this.writer.output.drain()) return;
    if (this.#ending) {
      this.#tellEnd(this.#endError, false);
    } else if (this.#endsOutput) {
      this.#endsOutput = false;
      this.#handler.onOutputEnd();
    } else if (this.writer.waiting) {
      this.writer.waiting = false;
      this.exchange?.receiver?.onWritable();
    }
  }

  abort(error: AmbitError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stop({
      cause: 'connection',
      errorCode: ErrorCode.cancel,
      unprocessed: false,
      detail: error?.message ?? 'the connection is over',
    });
  }

  onContent(bytes: Buffer, from: number, to: number, last: boolean): void {
    const exchange = this.exchange;
    if (exchange === undefined) return;
    if (last) exchange.remoteEnded = true;
    const size = to - from;
    const { receiver } = exchange;
    if (receiver === undefined || exchange.closed) return this.onUnwanted(size);
    if (size > 0) this.#hold(size);
    receiver.onData(bytes, from, to, last);
  }

  onTrailerSection(fields: FieldList): void {
    const exchange = this.exchange;
    if (exchange === undefined) return;
    exchange.remoteEnded = true;
    if (!exchange.closed) exchange.receiver?.onTrailers(fields);
  }

  /** Content that nobody takes. */
  protected onUnwanted(_size: number): void {
    // Skipped.
  }

  release(size: number): void {
    this.#unreleased -= size;
    if (this.#paused) this.updateReading();
    if (this.#unreleased === 0) this.onReleased();
  }

  /** Content was handed over that has not left: it counts against whoever comes next. */
  protected get holdsContent(): boolean {
    return this.#unreleased > 0;
  }

  /** Everything that was handed over has left. */
  protected onReleased(): void {
    // Only clients wait for it.
  }

  onLocalEnd(): void {
    if (this.exchange?.switched === true && !this.exchange.remoteEnded) {
      if (this.writer.output.drain()) this.#handler.onOutputEnd();
      else this.#endsOutput = true;
    }
    if (!this.reading) this.checkOver();
  }

  onProblem(): void {
    const problem = this.writer.problem ?? '';
    const error = new AmbitError('AMBIT_HTTP_UNWRITABLE', problem);
    const reset = {
      cause: 'connection',
      errorCode: ErrorCode.internalError,
      unprocessed: false,
      detail: problem,
    } as const;
    this.finish(error, true, reset);
  }

  /** Reads `bytes[start, end)` as far as the exchange at hand and those after it allow; returns how far. */
  protected read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    this.reading = true;
    try {
      do {
        at = this.reader.read(bytes, at, end);
      } while (this.checkOver() && at < end);
    } catch (thrown) {
      if (!(thrown instanceof Http1Error)) throw thrown;
      this.onMalformed(thrown);
    } finally {
      this.reading = false;
    }
    return at;
  }

  /** Ends the exchange when both sides are complete; true when another may follow. */
  protected checkOver(): boolean {
    const exchange = this.exchange;
    if (exchange?.localEnded !== true || !this.reader.complete || this.#ending) return false;
    exchange.closed = true;
    this.exchange = undefined;
    this.onExchangeOver();
    return !this.#ending;
  }

  protected updateReading(): void {
    if (this.#ending) return;
    const mark = this.#paused ? H1_UNRELEASED_BYTES / 2 : H1_UNRELEASED_BYTES;
    const pause = this.#unreleased > mark || this.holdsInput();
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#handler.onPauseReading();
    else this.#handler.onResumeReading();
  }

  /** Ends the connection. An open exchange hears `reset`. */
  protected finish(error: AmbitError | undefined, cut: boolean, reset: ExchangeReset = LOST): void {
    if (this.#ending || this.#ended) return;
    this.#stop(reset);
    if (this.ended) return;
    // Last words that found no room yet are worth waiting for.
    if (cut || this.writer.output.drain()) this.#tellEnd(error, cut);
    else this.#endError = error;
  }

  #hold(size: number): void {
    this.#unreleased += size;
    if (this.#unreleased > H1_UNRELEASED_BYTES && !this.#paused) this.updateReading();
  }

  #stop(reset: ExchangeReset): void {
    this.#ending = true;
    this.reader.stop();
    const exchange = this.exchange;
    this.exchange = undefined;
    if (exchange === undefined || exchange.closed) return;
    exchange.closed = true;
    if (!exchange.answered) exchange.receiver?.onReset(reset);
  }

  #tellEnd(error: AmbitError | undefined, cut: boolean): void {
    this.#ended = true;
    this.writer.output.clear();
    this.#handler.onEnd(error, cut);
  }
}

/** The connection ended under an exchange. */
const LOST: ExchangeReset = {
  cause: 'connection',
  errorCode: ErrorCode.cancel,
  unprocessed: false,
  detail: 'the connection ended before the message was complete',
};

/** What an exchange hears of a message that broke a rule. */
export function malformedReset(error: Http1Error): ExchangeReset {
  return { cause: 'malformed', errorCode: ErrorCode.protocolError, unprocessed: false, detail: error.message };
}

/** The transport ended in the middle of something. */
export function incomplete(what: string): AmbitError {
  return new AmbitError('AMBIT_HTTP1_CONNECTION', `the peer ended the connection within ${what}`, { source: 'peer' });
}
