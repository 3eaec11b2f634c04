import { TRACE_ENTROPY_BYTES } from '../limits.ts';

const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

/** Makes ids of traces and spans out of random bytes that it draws many at a time. */
export class TraceIds {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #bytes: Buffer = Buffer.alloc(TRACE_ENTROPY_BYTES);
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

  #next(length: number): string {
    if (this.#at + length > this.#bytes.length) {
      this.#fill(this.#bytes);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += length;
    // Ids of zeros only are invalid (Trace Context 3.2.2.3).
    this.#bytes[start] = (this.#bytes[start] ?? 0) | 1;
    return this.#bytes.toString('hex', start, start + length);
  }
}
