import { TRACE_ENTROPY_BYTES } from './limits.ts';

/** Characters of a header of version 00: `00-<trace id, 32>-<parent id, 16>-<flags, 2>`. */
const HEADER_LENGTH = 55;
const TRACE_ID = 3;
const TRACE_ID_END = 35;
const PARENT_ID = 36;
const PARENT_ID_END = 52;
const CONTEXT_BYTES = 24;

/** Makes trace contexts (W3C Trace Context) out of random bytes that it draws many at a time. */
export class TraceContexts {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #bytes: Buffer = Buffer.alloc(TRACE_ENTROPY_BYTES);
  #at: number = TRACE_ENTROPY_BYTES;

  /** `fill` writes random bytes, for instance `randomFillSync`. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill;
  }

  /** A new `traceparent` header; flags 00, because nothing is exported. */
  next(): string {
    if (this.#at + CONTEXT_BYTES > this.#bytes.length) {
      this.#fill(this.#bytes);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += CONTEXT_BYTES;
    // Ids of zeros only are invalid (Trace Context 3.2.2.3).
    this.#bytes[start] = (this.#bytes[start] ?? 0) | 1;
    this.#bytes[start + 16] = (this.#bytes[start + 16] ?? 0) | 1;
    const ids = this.#bytes.toString('hex', start, start + CONTEXT_BYTES);
    return `00-${ids.slice(0, 32)}-${ids.slice(32)}-00`;
  }
}

/** The trace id, 32 hexadecimal digits, of a `traceparent` header (Trace Context 3.2); undefined when it is malformed. */
export function traceIdOf(header: string): string | undefined {
  if (header.length < HEADER_LENGTH) return undefined;
  for (let at = 0; at < HEADER_LENGTH; at += 1) {
    const code = header.charCodeAt(at);
    const dash = at === TRACE_ID - 1 || at === TRACE_ID_END || at === PARENT_ID_END;
    if (dash ? code !== DASH : !isLowerHex(code)) return undefined;
  }
  const version = header.slice(0, 2);
  if (version === 'ff') return undefined;
  // Later versions may append fields, which are not ours to read.
  if (header.length > HEADER_LENGTH && (version === '00' || header.charCodeAt(HEADER_LENGTH) !== DASH))
    return undefined;
  if (isZero(header, TRACE_ID, TRACE_ID_END) || isZero(header, PARENT_ID, PARENT_ID_END)) return undefined;
  return header.slice(TRACE_ID, TRACE_ID_END);
}

const DASH = 0x2d;
const ZERO = 0x30;

function isLowerHex(code: number): boolean {
  return (code >= ZERO && code <= 0x39) || (code >= 0x61 && code <= 0x66);
}

function isZero(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (text.charCodeAt(at) !== ZERO) return false;
  return true;
}
