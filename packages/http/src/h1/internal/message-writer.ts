import { type FieldList, fieldValue } from '../../h2/message-fields.ts';
import type { OutputSink } from '../../h2/output-sink.ts';
import { BoundedOutput } from '../../internal/bounded-output.ts';
import { CR, LF } from '../../internal/octets.ts';
import { MIN_DATA_ROOM_BYTES } from '../../limits.ts';
import { UnwritableError } from '../../unwritable.ts';
import { type Announcement, HeadWriter, type Persistence } from './head-writer.ts';

/**
 * How the message at hand is framed; `none`: it has no content, and what comes is dropped. `upgrade`: it has none, and what
 * comes waits until the peer has agreed to another protocol.
 */
type Framing = 'none' | 'length' | 'chunked' | 'close' | 'upgrade';

/** Around a chunk: at most 8 digits and CRLF before it, CRLF and the last chunk behind it. */
const CHUNK_OVERHEAD_BYTES = 17;
const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');
const HEX = Buffer.from('0123456789abcdef', 'latin1');

const STATUS = /^[1-9][0-9]{2}$/;
const DIGITS = /^[0-9]{1,15}$/;

/** Writes messages of one direction, one after the other: heads by `HeadWriter`, and content in the frame they announce. */
export class MessageWriter {
  readonly output: BoundedOutput;
  /** Somebody was told that nothing more can be taken, and waits for room. */
  waiting = false;
  reservedAt = 0;
  /** The message contradicts its head, or the peer does not read: it cannot be completed. */
  problem: string | undefined = undefined;
  readonly #heads: HeadWriter;
  #framing: Framing = 'none';
  /** Octets of a declared length that have not been sent. */
  #left = 0;
  /** Digits that the size of the reserved chunk takes. */
  #digits = 0;

  constructor(sink: OutputSink) {
    this.output = new BoundedOutput(sink);
    this.#heads = new HeadWriter(this.output);
  }

  /** Throws `UnwritableError`; nothing was written then. */
  request(fields: FieldList, endStream: boolean, persistence: Persistence): void {
    const length = declaredLength(fields);
    let announcement: Announcement = 'none';
    let framing: Framing = 'none';
    if (endStream) {
      if (length > 0) throw new UnwritableError('content-length without content');
      if (length < 0 && expectsContent(fieldValue(fields, ':method') ?? '')) announcement = 'empty';
    } else if (length >= 0) {
      framing = 'length';
    } else if (fieldValue(fields, 'upgrade') === undefined) {
      announcement = 'chunked';
      framing = 'chunked';
    } else {
      announcement = 'upgrade';
      framing = 'upgrade';
    }
    if (this.#heads.request(fields, announcement, persistence)) this.#begin(framing, length);
    else this.problem = NOT_READ;
  }

  /**
   * `contentless`: the request was HEAD. `chunks`: the peer understands them. Throws `UnwritableError`; nothing was written then.
   */
  response(
    fields: FieldList,
    endStream: boolean,
    contentless: boolean,
    chunks: boolean,
    persistence: Persistence,
  ): void {
    const status = statusOf(fields);
    if (status < 200) throw new UnwritableError('an interim status in place of a final one');
    let length = declaredLength(fields);
    let list = fields;
    let announcement: Announcement = 'none';
    let framing: Framing = 'none';
    if (status === 204) {
      // RFC 9110 8.6: neither framing field goes with it.
      if (length >= 0) list = fields.filter((_, at) => fields[at - (at % 2)] !== 'content-length');
    } else if (!contentless && status !== 304) {
      if (endStream) {
        if (length > 0) throw new UnwritableError('content-length without content');
        if (length < 0) announcement = 'empty';
        length = 0;
        framing = 'length';
      } else if (length >= 0) {
        framing = 'length';
      } else if (chunks) {
        announcement = 'chunked';
        framing = 'chunked';
      } else {
        framing = 'close';
      }
    }
    if (this.#heads.response(status, list, announcement, persistence)) this.#begin(framing, length);
    else this.problem = NOT_READ;
  }

  /** The head 101: octets without framing follow it. Throws `UnwritableError`; nothing was written then. */
  switching(fields: FieldList): void {
    if (fieldValue(fields, 'upgrade') === undefined) throw new UnwritableError('a status 101 without upgrade');
    if (declaredLength(fields) >= 0) throw new UnwritableError('content-length with a status 101');
    if (this.#heads.response(101, fields, 'upgrade', 'implied')) this.#begin('close', 0);
    else this.problem = NOT_READ;
  }

  /** A request that waits for another protocol. */
  get upgrading(): boolean {
    return this.#framing === 'upgrade';
  }

  /** The peer has agreed to another protocol, or has not. */
  upgraded(agreed: boolean): void {
    this.#framing = agreed ? 'close' : 'none';
  }

  interim(fields: FieldList): void {
    const status = statusOf(fields);
    if (status >= 200 || status === 101) throw new UnwritableError('a status that is not an interim one');
    if (declaredLength(fields) >= 0) throw new UnwritableError('content-length in an interim response');
    if (!this.#heads.response(status, fields, 'none', 'implied')) this.problem = NOT_READ;
  }

  reserve(max: number, least: number): number {
    if (this.#framing === 'upgrade') return this.#later();
    const wanted = this.#framing === 'length' ? Math.min(max, this.#left) : max;
    if (wanted <= 0) {
      if (max > 0) this.problem = 'more content than content-length declares';
      return 0;
    }
    const room = this.#room(wanted, Math.min(wanted, least));
    if (room === 0) return 0;
    let ahead = 0;
    if (this.#framing === 'chunked') {
      this.#digits = hexDigits(room);
      ahead = this.#digits + 2;
    }
    this.reservedAt = this.output.sink.end + ahead;
    return room;
  }

  commit(size: number): void {
    const { sink } = this.output;
    switch (this.#framing) {
      case 'none':
      case 'upgrade':
        return;
      case 'chunked':
        if (size > 0) this.#closeChunk(size, this.#digits);
        return;
      case 'length':
        this.#left -= size;
        break;
      case 'close':
    }
    sink.end += size;
  }

  /** Copies as much of `bytes[start, end)` as there is room for; returns the octets taken. */
  send(bytes: Buffer, start: number, end: number): number {
    const size = end - start;
    if (this.#framing === 'none' || size === 0) return size;
    if (this.#framing === 'upgrade') return this.#later();
    if (this.#framing === 'length' && size > this.#left) {
      this.problem = 'more content than content-length declares';
      return 0;
    }
    const room = this.#room(size, Math.min(size, MIN_DATA_ROOM_BYTES));
    if (room === 0) return 0;
    const { sink } = this.output;
    if (this.#framing === 'chunked') {
      const digits = hexDigits(room);
      bytes.copy(sink.bytes, sink.end + digits + 2, start, start + room);
      this.#closeChunk(room, digits);
    } else {
      bytes.copy(sink.bytes, sink.end, start, start + room);
      sink.end += room;
      if (this.#framing === 'length') this.#left -= room;
    }
    if (room < size) this.waiting = true;
    return room;
  }

  end(): void {
    if (this.#framing === 'chunked') {
      this.output.raw(LAST_CHUNK);
      this.#checkOverflow();
    } else if (this.#framing === 'length' && this.#left > 0) {
      this.problem = 'less content than content-length declares';
    }
  }

  /** Throws `UnwritableError`; nothing was written then. */
  trailers(fields: FieldList): void {
    if (this.#framing !== 'chunked' || fields.length === 0) return this.end();
    if (!this.#heads.trailers(fields)) this.problem = NOT_READ;
  }

  #begin(framing: Framing, length: number): void {
    this.#framing = framing;
    this.#left = Math.max(0, length);
    this.waiting = false;
  }

  /** Octets of content, at most `max`, for which there is room; none and `waiting` when that is less than `least`. */
  #room(max: number, least: number): number {
    const { output } = this;
    const { sink } = output;
    if (!output.backlogged && (sink.room(max + CHUNK_OVERHEAD_BYTES) || sink.room(least + CHUNK_OVERHEAD_BYTES))) {
      return Math.min(max, sink.bytes.length - sink.end - CHUNK_OVERHEAD_BYTES);
    }
    this.waiting = true;
    return 0;
  }

  #later(): 0 {
    this.waiting = true;
    return 0;
  }

  /** Puts the size before and CRLF behind the content that stands at its place already. */
  #closeChunk(size: number, digits: number): void {
    const { sink } = this.output;
    const { bytes } = sink;
    let at = sink.end;
    for (let shift = (digits - 1) * 4; shift >= 0; shift -= 4) bytes[at++] = HEX[(size >>> shift) & 15] ?? 0;
    bytes[at++] = CR;
    bytes[at++] = LF;
    at += size;
    bytes[at++] = CR;
    bytes[at++] = LF;
    sink.end = at;
  }

  #checkOverflow(): void {
    if (this.output.overflowed) this.problem = NOT_READ;
  }
}

const NOT_READ = 'the peer does not read what it is sent';

function hexDigits(size: number): number {
  return (35 - Math.clz32(size)) >>> 2;
}

/** Methods of which a request without content says so (RFC 9110 8.6). */
function expectsContent(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

function statusOf(fields: FieldList): number {
  const status = fields[1] ?? '';
  if (fields[0] !== ':status' || !STATUS.test(status))
    throw new UnwritableError(':status is missing or not a status code');
  return Number(status);
}

/** -1 when there is none. */
function declaredLength(fields: FieldList): number {
  let length = -1;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (fields[at] !== 'content-length') continue;
    const value = fields[at + 1] ?? '';
    if (length >= 0 || !DIGITS.test(value)) throw new UnwritableError('content-length is not a number, or given twice');
    length = Number(value);
  }
  return length;
}
