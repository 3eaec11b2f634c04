import { CR, HEX_VALUES, LF, VALUE_OCTETS } from '../../internal/octets.ts';
import { H1_CHUNK_EXTENSION_BYTES, H1_CHUNK_SIZE_DIGITS } from '../../limits.ts';
import { Http1Error } from '../errors.ts';

/** What comes next. Up to `dataEnd` in the order of a chunk. */
const State = {
  sizeStart: 0,
  size: 1,
  extension: 2,
  sizeEnd: 3,
  data: 4,
  dataCr: 5,
  dataEnd: 6,
  length: 7,
  untilClose: 8,
  trailers: 9,
  done: 10,
} as const;

const SEMICOLON = 0x3b;

/** CRLF behind the last chunk's data, the empty chunk, and the empty trailer section. */
const END = Buffer.from('\r\n0\r\n\r\n', 'latin1');

/** Takes the framing off a message's content (RFC 9112 6.3, 7.1), in place. */
export class BodyReader {
  /** Content found by the last `read`: `bytes[from, to)`; empty when there was none. */
  from = 0;
  to = 0;
  #state: number = State.done;
  /** Octets of the length or chunk at hand that have not come. */
  #left = 0;
  #digits = 0;
  #extension = 0;

  get done(): boolean {
    return this.#state === State.done;
  }

  /** The trailer section comes next; `finish` when it has been read. */
  get atTrailers(): boolean {
    return this.#state === State.trailers;
  }

  get untilClose(): boolean {
    return this.#state === State.untilClose;
  }

  expectNothing(): void {
    this.#state = State.done;
  }

  expectLength(length: number): void {
    this.#left = length;
    this.#state = length === 0 ? State.done : State.length;
  }

  expectChunks(): void {
    this.#state = State.sizeStart;
    this.#extension = 0;
  }

  expectUntilClose(): void {
    this.#state = State.untilClose;
  }

  finish(): void {
    this.#state = State.done;
  }

  /**
   * Reads on in `bytes[start, end)` up to the end of the first span of content, the trailers, the end of the body or of the
   * octets, and returns where that is. Throws `Http1Error`.
   */
  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    this.from = at;
    this.to = at;
    while (at < end) {
      switch (this.#state) {
        case State.sizeStart:
        case State.size:
          at = this.#size(bytes, at, end);
          break;
        case State.extension:
          at = this.#skipExtension(bytes, at, end);
          break;
        case State.sizeEnd:
          if (bytes[at] !== LF) throw new Http1Error('bare-cr', 'a chunk size whose CR no LF follows');
          at++;
          if (this.#left === 0) {
            this.#state = State.trailers;
            return at;
          }
          this.#state = State.data;
          break;
        case State.data:
          return this.#data(bytes, at, end);
        case State.dataCr:
          if (bytes[at] !== CR) throw new Http1Error('chunk-terminator', 'a chunk that is longer than its size');
          at++;
          this.#state = State.dataEnd;
          break;
        case State.dataEnd:
          if (bytes[at] !== LF) throw new Http1Error('chunk-terminator', 'a chunk whose CR no LF follows');
          at++;
          this.#state = State.sizeStart;
          break;
        case State.length:
          return this.#length(at, end);
        case State.untilClose:
          this.from = at;
          this.to = end;
          return end;
        default:
          return at;
      }
    }
    return at;
  }

  #size(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#state === State.sizeStart) {
      this.#left = 0;
      this.#digits = 0;
      this.#state = State.size;
    }
    for (; at < end; at++) {
      const octet = bytes[at] ?? 0;
      const digit = HEX_VALUES[octet] ?? 255;
      if (digit !== 255) {
        if (++this.#digits > H1_CHUNK_SIZE_DIGITS) {
          throw new Http1Error('chunk-size-too-large', `a chunk size of more than ${H1_CHUNK_SIZE_DIGITS} digits`, 413);
        }
        this.#left = this.#left * 16 + digit;
        continue;
      }
      if (octet === LF) throw new Http1Error('bare-lf', 'a chunk size that ends with an LF alone');
      if (this.#digits === 0 || (octet !== CR && octet !== SEMICOLON)) {
        throw new Http1Error('chunk-size', 'a chunk size that is not hexadecimal digits alone');
      }
      this.#state = octet === CR ? State.sizeEnd : State.extension;
      return at + 1;
    }
    return at;
  }

  #skipExtension(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (; at < end; at++) {
      const octet = bytes[at] ?? 0;
      if (VALUE_OCTETS[octet] === 1) {
        if (++this.#extension > H1_CHUNK_EXTENSION_BYTES) {
          throw new Http1Error(
            'chunk-extension-too-long',
            `chunk extensions beyond ${H1_CHUNK_EXTENSION_BYTES} octets`,
            413,
          );
        }
        continue;
      }
      if (octet === LF) throw new Http1Error('bare-lf', 'a chunk extension that ends with an LF alone');
      if (octet !== CR) throw new Http1Error('control-character', 'a chunk extension with a control character');
      this.#state = State.sizeEnd;
      return at + 1;
    }
    return at;
  }

  #data(bytes: Buffer, start: number, end: number): number {
    const size = Math.min(this.#left, end - start);
    const at = start + size;
    this.from = start;
    this.to = at;
    this.#left -= size;
    if (this.#left > 0) return at;
    // Mostly everything else is here already: then the content's last octets can be known to be the last.
    if (at + END.length <= end && endsHere(bytes, at)) {
      this.#state = State.done;
      return at + END.length;
    }
    this.#state = State.dataCr;
    return at;
  }

  #length(start: number, end: number): number {
    const size = Math.min(this.#left, end - start);
    this.from = start;
    this.to = start + size;
    this.#left -= size;
    if (this.#left === 0) this.#state = State.done;
    return start + size;
  }
}

function endsHere(bytes: Buffer, at: number): boolean {
  for (let index = 0; index < END.length; index++) {
    if (bytes[at + index] !== END[index]) return false;
  }
  return true;
}
