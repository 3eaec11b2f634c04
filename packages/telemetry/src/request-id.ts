import { REQUEST_ID_CHARACTERS, REQUEST_ID_ENTROPY_BYTES } from './limits.ts';

const UUID_BYTES = 16;
const UUID_CHARACTERS = 36;
const HEX: Buffer = Buffer.from('0123456789abcdef', 'latin1');
const DASH = 0x2d;

/** Makes values of `x-request-id`: UUIDs of version 4 (RFC 9562 5.4) out of random bytes that are drawn many at a time. */
export class RequestIds {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #entropy: Buffer = Buffer.allocUnsafeSlow(REQUEST_ID_ENTROPY_BYTES);
  readonly #text: Buffer = Buffer.alloc(UUID_CHARACTERS, DASH);
  #at: number = REQUEST_ID_ENTROPY_BYTES;

  /** `fill` writes random bytes, for instance `randomFillSync`. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill;
  }

  /** The id of a request that came with `present`: itself if it is well formed, else a new one. */
  of(present: string | undefined): string {
    return present !== undefined && isRequestId(present) ? present : this.next();
  }

  next(): string {
    if (this.#at + UUID_BYTES > this.#entropy.length) {
      this.#fill(this.#entropy);
      this.#at = 0;
    }
    const version = this.#at + 6;
    const variant = this.#at + 8;
    this.#entropy[version] = ((this.#entropy[version] ?? 0) & 0x0f) | 0x40;
    this.#entropy[variant] = ((this.#entropy[variant] ?? 0) & 0x3f) | 0x80;
    let to = 0;
    for (let from = this.#at; from < this.#at + UUID_BYTES; from += 1) {
      const byte = this.#entropy[from] ?? 0;
      this.#text[to] = HEX[byte >> 4] ?? 0;
      this.#text[to + 1] = HEX[byte & 15] ?? 0;
      to += 2;
      // Dashes stand there since the beginning.
      if (to === 8 || to === 13 || to === 18 || to === 23) to += 1;
    }
    this.#at += UUID_BYTES;
    return this.#text.toString('latin1');
  }
}

/** Visible ASCII without spaces, up to `REQUEST_ID_CHARACTERS`. */
export function isRequestId(text: string): boolean {
  if (text.length === 0 || text.length > REQUEST_ID_CHARACTERS) return false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character < 0x21 || character > 0x7e) return false;
  }
  return true;
}
