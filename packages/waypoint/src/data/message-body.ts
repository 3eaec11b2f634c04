import type { FieldList } from '@ambit/http/h2/message-fields';
import type { HttpExchange } from '@ambit/http/exchange';
import type { Memory } from '@ambit/native/memory';
import type { BufferPool } from '@ambit/reactor/buffer-pool';
import { SMALL_BUFFER_BYTES } from '@ambit/reactor/limits';
import { LITTLE_CONTENT_BYTES } from '../limits.ts';

interface Chunk {
  readonly bytes: Buffer;
  /** Where the bytes are lent from; undefined: they are the content's own. */
  readonly memory: Memory | undefined;
  end: number;
}

/** Who is told when content has left. */
export type ContentSource = Pick<HttpExchange, 'release'>;

/**
 * Content on its way from one exchange to another. What the receiver takes at once is not copied; the rest waits here, and
 * counts against the sender's window until it has left. With `keep` everything stays, up to a limit, so that it can be sent
 * again to somebody else.
 */
export class MessageBody {
  /** Octets that came. */
  length = 0;
  /** Nothing more comes. */
  ended = false;
  trailers: FieldList | undefined;
  /** Octets that the present receiver took. */
  sent = 0;
  /** The present receiver has everything, the end too. */
  complete = false;
  readonly #buffers: BufferPool;
  readonly #from: ContentSource;
  /** Octets that are kept at most; 0: none. */
  #keep: number;
  /** Each is full but for the last; the first begins at `#base` of the content. */
  #chunks: Chunk[] = [];
  #base = 0;
  #released = 0;

  constructor(buffers: BufferPool, from: ContentSource, keep: number) {
    this.#buffers = buffers;
    this.#from = from;
    this.#keep = keep;
  }

  /** Everything that came can still be sent from the beginning. */
  get replayable(): boolean {
    return this.#base === 0 && (this.#keep > 0 || this.sent === 0);
  }

  /** Takes content, and sends it on when somebody is there to take it. */
  receive(bytes: Buffer, start: number, end: number, endStream: boolean, to: HttpExchange | undefined): void {
    this.length += end - start;
    this.ended = endStream;
    if (this.#keep > 0 && this.length > this.#keep) this.#stopKeeping();
    let at = start;
    if (this.#keep === 0 && this.#chunks.length === 0 && to !== undefined) {
      const taken = to.sendData(bytes, start, end, endStream);
      at += taken;
      this.sent += taken;
      this.#base += taken;
      this.complete = endStream && at === end;
    }
    if (at < end) this.#store(bytes, at, end);
    // An end without content has to be told as well.
    if (to !== undefined && (this.#chunks.length > 0 || (endStream && !this.complete))) this.pump(to);
    this.#release();
  }

  /** The content ended with trailers. */
  endWith(trailers: FieldList, to: HttpExchange | undefined): void {
    this.trailers = trailers;
    this.ended = true;
    if (to !== undefined) this.pump(to);
  }

  /** Sends what is there and was not sent, and the end. */
  pump(to: HttpExchange): void {
    const chunks = this.#chunks;
    let begin = this.#base;
    for (let index = 0; index < chunks.length; index++) {
      const chunk = chunks[index];
      if (chunk === undefined) break;
      const from = this.sent - begin;
      begin += chunk.end;
      if (from >= chunk.end) continue;
      const last = this.ended && this.trailers === undefined && index === chunks.length - 1;
      const taken = to.sendData(chunk.bytes, from, chunk.end, last);
      this.sent += taken;
      if (from + taken < chunk.end) break;
      if (last) this.complete = true;
    }
    if (this.#keep === 0) this.#dropSent();
    this.#release();
    if (!this.ended || this.complete || this.sent < this.length) return;
    this.complete = true;
    if (this.trailers === undefined) to.endStream();
    else to.sendTrailers(this.trailers);
  }

  /** From now on so much of it is kept, or less where some of it has been sent already. */
  keep(bytes: number): void {
    if (bytes === this.#keep) return;
    if (bytes > 0 && this.#base === 0 && this.length <= bytes) this.#keep = bytes;
    else if (this.#keep > 0) this.#stopKeeping();
    this.#release();
  }

  /** Everything that came, as long as none of it was dropped. */
  eachChunk(take: (bytes: Buffer, start: number, end: number) => void): void {
    for (const { bytes, end } of this.#chunks) take(bytes, 0, end);
  }

  /** Begins anew for another receiver. Only while `replayable`. */
  rewind(): void {
    this.sent = 0;
    this.complete = false;
  }

  /** It will not be sent again: what was sent is dropped. */
  commit(): void {
    if (this.#keep > 0) this.#stopKeeping();
    this.#release();
  }

  /** Drops everything and gives the sender its window back. */
  clear(): void {
    for (const chunk of this.#chunks) this.#giveBack(chunk);
    this.#chunks = [];
    this.#keep = 0;
    this.#base = this.length;
    this.sent = this.length;
    this.#release();
  }

  #stopKeeping(): void {
    this.#keep = 0;
    this.#dropSent();
  }

  #dropSent(): void {
    let chunk = this.#chunks[0];
    while (
      chunk !== undefined &&
      this.sent - this.#base >= chunk.end &&
      (chunk.end === chunk.bytes.length || this.sent === this.length)
    ) {
      this.#chunks.shift();
      this.#base += chunk.end;
      this.#giveBack(chunk);
      chunk = this.#chunks[0];
    }
  }

  /** What is kept is bounded and so does not hold the sender up; what waits for the receiver does. */
  #release(): void {
    const due = (this.#keep > 0 ? this.length : this.sent) - this.#released;
    if (due <= 0) return;
    this.#released += due;
    this.#from.release(due);
  }

  #store(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let chunk = this.#chunks.at(-1);
      if (chunk === undefined || chunk.end === chunk.bytes.length) {
        chunk = this.#newChunk(end - at);
        this.#chunks.push(chunk);
      }
      const count = Math.min(end - at, chunk.bytes.length - chunk.end);
      bytes.copy(chunk.bytes, chunk.end, at, at + count);
      chunk.end += count;
      at += count;
    }
  }

  /** Where many wait at a time, little content waits in memory of its own size. */
  #newChunk(bytes: number): Chunk {
    if (bytes <= LITTLE_CONTENT_BYTES && this.#chunks.length === 0 && !this.#buffers.hasSmall) {
      return { bytes: Buffer.allocUnsafe(bytes), memory: undefined, end: 0 };
    }
    const memory = this.#buffers.lend(SMALL_BUFFER_BYTES);
    return { bytes: memory.bytes, memory, end: 0 };
  }

  #giveBack({ memory }: Chunk): void {
    if (memory !== undefined) this.#buffers.giveBack(memory);
  }
}
