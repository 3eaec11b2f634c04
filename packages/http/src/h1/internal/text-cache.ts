const SLOTS = 512;

/** Longest text that is kept, octets: with all slots full that is some 70 KB for a thread. */
const LONGEST = 128;

/**
 * Strings made from octets before, found again by their hash: what most requests repeat (host, user agent, content types)
 * costs a comparison instead of a string. A text is kept when it comes a second time, so that what never repeats does not
 * pile up in the heap's old part.
 */
export class TextCache {
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined);
  readonly #hashes: Int32Array = new Int32Array(SLOTS);
  readonly #seen: Int32Array = new Int32Array(SLOTS);

  /** The latin1 text of `bytes[start, end)`, whose hash is `hash` by whatever function, the same for every call. */
  text(bytes: Buffer, start: number, end: number, hash: number): string {
    const slot = (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (SLOTS - 1);
    const known = this.#texts[slot];
    if (known !== undefined && this.#hashes[slot] === hash && equals(bytes, start, end, known)) return known;
    const text = bytes.toString('latin1', start, end);
    if (this.#seen[slot] === hash && end - start <= LONGEST) {
      this.#texts[slot] = text;
      this.#hashes[slot] = hash;
    } else {
      this.#seen[slot] = hash;
    }
    return text;
  }
}

function equals(bytes: Buffer, start: number, end: number, text: string): boolean {
  const length = end - start;
  if (text.length !== length) return false;
  for (let at = 0; at < length; at++) {
    if (bytes[start + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}
