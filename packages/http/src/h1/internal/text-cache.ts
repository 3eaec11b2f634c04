const SLOTS = 512;

/** Longest text that is kept, octets: a longer one is made anew faster than it is compared. All slots full are some 50 KB. */
const LONGEST = 48;

/**
 * Strings made from octets before, found again by their hash: what most requests repeat (host, user agent, content types)
 * costs a comparison instead of a string. A text is kept when it comes a second time, so that what never repeats does not
 * pile up in the heap's old part.
 */
export class TextCache {
  /** Octets of the text in each slot, for comparison. */
  readonly #octets: Uint8Array = new Uint8Array(SLOTS * LONGEST);
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined);
  readonly #hashes: Int32Array = new Int32Array(SLOTS);
  readonly #seen: Int32Array = new Int32Array(SLOTS);

  /** The latin1 text of `bytes[start, end)`, whose hash is `hash` by whatever function, the same for every call. */
  text(bytes: Buffer, start: number, end: number, hash: number): string {
    const length = end - start;
    if (length > LONGEST) return bytes.toString('latin1', start, end);
    const slot = (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (SLOTS - 1);
    const known = this.#texts[slot];
    if (known !== undefined && this.#hashes[slot] === hash && known.length === length) {
      const octets = this.#octets;
      let at = slot * LONGEST;
      let from = start;
      while (from < end && bytes[from] === octets[at]) {
        from++;
        at++;
      }
      if (from === end) return known;
    }
    const text = bytes.toString('latin1', start, end);
    if (this.#seen[slot] === hash) {
      this.#texts[slot] = text;
      this.#hashes[slot] = hash;
      bytes.copy(this.#octets, slot * LONGEST, start, end);
    } else {
      this.#seen[slot] = hash;
    }
    return text;
  }
}
