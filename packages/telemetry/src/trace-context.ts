import { TRACE_ENTROPY_BYTES } from './limits.ts';

/** Who a connection is in a trace (W3C Trace Context), shared by the two proxies of a tunnel. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly parentId: string;
}

const HEADER = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;
const CONTEXT_BYTES = 24;

/** Makes trace contexts out of random bytes that it draws many at a time. */
export class TraceContexts {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #bytes: Buffer = Buffer.alloc(TRACE_ENTROPY_BYTES);
  #at: number = TRACE_ENTROPY_BYTES;

  /** `fill` writes random bytes, for instance `randomFillSync`. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill;
  }

  next(): TraceContext {
    if (this.#at + CONTEXT_BYTES > this.#bytes.length) {
      this.#fill(this.#bytes);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += CONTEXT_BYTES;
    // Ids of zeros only are invalid (Trace Context 3.2.2.3).
    this.#bytes[start] = (this.#bytes[start] ?? 0) | 1;
    this.#bytes[start + 16] = (this.#bytes[start + 16] ?? 0) | 1;
    return {
      traceId: this.#bytes.toString('hex', start, start + 16),
      parentId: this.#bytes.toString('hex', start + 16, start + CONTEXT_BYTES),
    };
  }
}

/** The `traceparent` header; flags 00, because nothing is exported. */
export function formatTraceparent({ traceId, parentId }: TraceContext): string {
  return `00-${traceId}-${parentId}-00`;
}

/** Reads a `traceparent` header (Trace Context 3.2); undefined when it is malformed. */
export function parseTraceparent(header: string): TraceContext | undefined {
  // Later versions may append fields, which are not ours to read.
  const [, version, traceId, parentId] = HEADER.exec(header.slice(0, 55)) ?? [];
  if (version === undefined || traceId === undefined || parentId === undefined || version === 'ff') return undefined;
  if (header.length > 55 && (version === '00' || header[55] !== '-')) return undefined;
  return /^0+$/.test(traceId) || /^0+$/.test(parentId) ? undefined : { traceId, parentId };
}
