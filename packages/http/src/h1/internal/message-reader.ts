import { BodyReader } from './body-reader.ts';
import { HeadParser } from './head-parser.ts';

/** Takes the parts of a message as they are read. Within any call `stop` may be called. */
export interface MessageConsumer {
  /** A head is complete: `reader.head` has it. Says by `reader.body` what follows, or `nextHead` when it was an interim one. */
  onHead(): void;
  /** Content `bytes[from, to)`; empty only when `last`. */
  onContent(bytes: Buffer, from: number, to: number, last: boolean): void;
  /** The trailers, at least one field, which end the message. */
  onTrailerSection(fields: string[]): void;
}

const LEAST_KEPT_BYTES = 1024;
/** A head that is incomplete is completed in steps of this size, so that little of what follows it is copied. */
const STEP_BYTES = 2048;

const NOTHING = Buffer.alloc(0);

/** Reads messages of one direction, one after the other, from octets in any pieces. A section that is cut is copied and kept. */
export class MessageReader {
  readonly head: HeadParser;
  readonly body: BodyReader = new BodyReader();
  readonly #consumer: MessageConsumer;
  #trailers: HeadParser | undefined;
  #stage: 'head' | 'body' | 'trailers' | 'complete' = 'head';
  #stopped = false;
  /** Beginning of the section at hand, when it was cut. */
  #kept: Buffer = NOTHING;
  #keptLength = 0;

  constructor(consumer: MessageConsumer, head: HeadParser) {
    this.#consumer = consumer;
    this.head = head;
    head.begin();
  }

  /** The message has been read to its end; `next` begins another. */
  get complete(): boolean {
    return this.#stage === 'complete';
  }

  /** A head has begun and is incomplete. */
  get inHead(): boolean {
    return this.#stage === 'head' && this.#keptLength > 0;
  }

  /** A head is due: nothing of a message has been read, or a part of its head. */
  get atHead(): boolean {
    return this.#stage === 'head';
  }

  /** Another message comes. */
  next(): void {
    this.#stage = 'head';
    this.head.begin();
  }

  /** Behind the message comes what has no framing, up to the end of the connection. */
  switchProtocols(): void {
    this.body.expectUntilClose();
    this.#stage = 'body';
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  /** Reads `bytes[start, end)` to the end of the message or of the octets; returns how far. Throws `Http1Error`. */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && !this.#stopped && this.#stage !== 'complete') {
      if (this.#stage === 'head') at = this.#readHead(bytes, at, end);
      else if (this.#stage === 'trailers') at = this.#readTrailers(bytes, at, end);
      else at = this.#readBody(bytes, at, end);
    }
    return at;
  }

  /** The peer has finished sending: true when that completes the message. */
  endOfInput(): boolean {
    if (this.#stage !== 'body' || !this.body.untilClose) return false;
    this.#stage = 'complete';
    this.#consumer.onContent(NOTHING, 0, 0, true);
    return true;
  }

  #readHead(bytes: Buffer, at: number, end: number): number {
    const after = this.#readSection(this.head, bytes, at, end);
    if (after < 0) return end;
    this.#stage = 'body';
    this.#consumer.onHead();
    // An interim head is followed by another: `next` was called.
    if (!this.atHead && this.body.done) this.#stage = 'complete';
    return after;
  }

  #readBody(bytes: Buffer, at: number, end: number): number {
    const body = this.body;
    const after = body.read(bytes, at, end);
    if (body.done) {
      this.#stage = 'complete';
      this.#consumer.onContent(bytes, body.from, body.to, true);
    } else {
      if (body.to > body.from) this.#consumer.onContent(bytes, body.from, body.to, false);
      if (body.atTrailers) {
        this.#trailers ??= new HeadParser('trailers');
        this.#trailers.begin();
        this.#stage = 'trailers';
      }
    }
    return after;
  }

  #readTrailers(bytes: Buffer, at: number, end: number): number {
    const trailers = this.#trailers;
    if (trailers === undefined) return at;
    const after = this.#readSection(trailers, bytes, at, end);
    if (after < 0) return end;
    this.body.finish();
    this.#stage = 'complete';
    const { fields } = trailers;
    if (fields.length === 0) this.#consumer.onContent(bytes, after, after, true);
    else this.#consumer.onTrailerSection(fields);
    return after;
  }

  /** Reads a head or trailer section; -1 when it is incomplete and everything was kept. */
  #readSection(section: HeadParser, bytes: Buffer, start: number, end: number): number {
    if (this.#keptLength === 0) {
      const after = section.parse(bytes, start, end);
      if (after < 0) this.#keep(bytes, start, end);
      return after;
    }
    let at = start;
    while (at < end) {
      const before = this.#keptLength;
      const step = Math.min(end - at, STEP_BYTES);
      this.#keep(bytes, at, at + step);
      const after = section.parse(this.#kept, 0, this.#keptLength);
      if (after >= 0) {
        this.#release();
        return at + after - before;
      }
      at += step;
    }
    return -1;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#keptLength + end - start;
    if (length > this.#kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(LEAST_KEPT_BYTES, length * 2));
      this.#kept.copy(larger, 0, 0, this.#keptLength);
      this.#kept = larger;
    }
    bytes.copy(this.#kept, this.#keptLength, start, end);
    this.#keptLength = length;
  }

  /** An idle connection holds nothing. */
  #release(): void {
    this.#kept = NOTHING;
    this.#keptLength = 0;
  }
}
