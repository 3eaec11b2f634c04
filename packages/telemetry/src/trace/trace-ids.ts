import { TRACE_ENTROPY_BYTES } from '../limits.ts';

const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

/** Makes ids of traces and spans out of random bytes that it draws, and writes as text, many at a time. */
export class TraceIds {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #bytes: Buffer = Buffer.alloc(TRACE_ENTROPY_BYTES);
  /** The hexadecimal digits of all of them. Each id is a part of it, and keeps the whole for as long as it lives. */
  #text = '';
  #at: number = TRACE_ENTROPY_BYTES;

  /** `fill` writes random bytes, for instance `randomFillSync`. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill;
  }

  /** 32 hexadecimal digits. */
  trace(): string {
    return this.#next(TRACE_BYTES);
  }

  /** 16 hexadecimal digits. */
  span(): string {
    return this.#next(SPAN_BYTES);
  }

  #draw(): void {
    this.#fill(this.#bytes);
    // Ids of zeros only are invalid (Trace Context 3.2.2.3).
    for (let at = 0; at < this.#bytes.length; at += SPAN_BYTES) this.#bytes[at] = (this.#bytes[at] ?? 0) | 1;
    this.#text = this.#bytes.toString('hex');
    this.#at = 0;
  }

  #next(length: number): string {
    if (this.#at + length > this.#bytes.length) {
      this.#draw();
    }
    const start = this.#at;
    this.#at += length;
    return this.#text.slice(start * 2, this.#at * 2);
  }
}
