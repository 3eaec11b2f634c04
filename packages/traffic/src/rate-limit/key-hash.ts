/** 64 bits of a key, in two words of 32. `high` is never 0. */
export interface KeyFingerprint {
  high: number;
  low: number;
}

/**
 * HalfSipHash-2-4 with 64 bits of output over the parts of a key. Keyed with a secret of the process: whoever chooses the
 * values cannot find two that count as one.
 */
export class KeyHash {
  readonly fingerprint: KeyFingerprint = { high: 1, low: 0 };
  readonly #k0: number;
  readonly #k1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;
  #words = 0;

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  begin(): void {
    this.#v0 = this.#k0;
    this.#v1 = this.#k1 ^ 0xee;
    this.#v2 = 0x6c796765 ^ this.#k0;
    this.#v3 = 0x74656462 ^ this.#k1;
    this.#words = 0;
  }

  /** The next part, as far as `maxLength`; undefined is none, which is not the same as an empty one. */
  add(part: string | undefined, maxLength: number): void {
    if (part === undefined) {
      this.#word(-1);
      return;
    }
    const length = Math.min(part.length, maxLength);
    this.#word(length);
    let at = 0;
    for (; at + 1 < length; at += 2) this.#word(part.charCodeAt(at) | (part.charCodeAt(at + 1) << 16));
    if (at < length) this.#word(part.charCodeAt(at));
  }

  /** The same object every time. */
  end(): KeyFingerprint {
    this.#word(this.#words << 26);
    this.#v2 ^= 0xee;
    this.#rounds(4);
    this.fingerprint.low = this.#v1 ^ this.#v3;
    this.#v1 ^= 0xdd;
    this.#rounds(4);
    const high = this.#v1 ^ this.#v3;
    this.fingerprint.high = high === 0 ? 1 : high;
    return this.fingerprint;
  }

  #word(word: number): void {
    this.#words++;
    this.#v3 ^= word;
    this.#rounds(2);
    this.#v0 ^= word;
  }

  #rounds(count: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}
