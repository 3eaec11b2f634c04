import type { Hash64 } from './hash64.ts';

/** A number of 64 bits that is calculated with in place. Halves are kept as signed 32 bits, as `Math.imul` gives them. */
class Word {
  high = 0;
  low = 0;

  set(high: number, low: number): this {
    this.high = high | 0;
    this.low = low | 0;
    return this;
  }

  copy({ high, low }: Word): this {
    return this.set(high, low);
  }

  add({ high, low }: Word): this {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    this.low = sum | 0;
    return this;
  }

  xor({ high, low }: Word): this {
    this.high ^= high;
    this.low ^= low;
    return this;
  }

  multiply({ high, low }: Word): this {
    // Of the lower halves all 64 bits count, of the rest what stays below 2^64.
    const a0 = this.low & 0xffff;
    const a1 = this.low >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    const lowest = a0 * b0;
    const middle = a1 * b0 + (lowest >>> 16);
    const cross = a0 * b1 + (middle & 0xffff);
    const carried = a1 * b1 + Math.floor(middle / 65_536) + Math.floor(cross / 65_536);
    this.high = (Math.imul(this.high, low) + Math.imul(this.low, high) + carried) | 0;
    this.low = ((cross & 0xffff) << 16) | (lowest & 0xffff);
    return this;
  }

  /** By 1 to 31 bits. */
  rotateLeft(bits: number): this {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
    return this;
  }

  /** Exclusive or with itself shifted to the right by 29 to 33 bits. */
  mixDown(bits: number): this {
    const { high } = this;
    if (bits >= 32) {
      this.low ^= bits === 32 ? high : high >>> (bits - 32);
      return this;
    }
    this.low ^= (this.low >>> bits) | (high << (32 - bits));
    this.high ^= high >>> bits;
    return this;
  }
}

function word(high: number, low: number): Word {
  return new Word().set(high, low);
}

// The constants of the algorithm.
const PRIME_1 = word(0x9e37_79b1, 0x85eb_ca87);
const PRIME_2 = word(0xc2b2_ae3d, 0x27d4_eb4f);
const PRIME_3 = word(0x1656_67b1, 0x9e37_79f9);
const PRIME_4 = word(0x85eb_ca77, 0xc2b2_ae63);
const PRIME_5 = word(0x27d4_eb2f, 0x1656_67c5);
/** 2^64 less the first prime, which the fourth lane begins with. */
const MINUS_PRIME_1 = word(~0x9e37_79b1, ~0x85eb_ca87 + 1);

const STRIPE = 32;

// One calculation at a time, none of which leaves anything behind.
const lanes: readonly [Word, Word, Word, Word] = [new Word(), new Word(), new Word(), new Word()];
const hash = new Word();
const lane = new Word();

/**
 * xxHash64 of the octets of a text with one character per octet, as header fields have, with which Envoy hashes keys and endpoints
 * (xxHash fast digest algorithm, version 0.1.1). `seed`: 32 bits.
 */
export function xxHash64(text: string, seed = 0): Hash64 {
  const { length } = text;
  let at = 0;
  if (length >= STRIPE) {
    at = takeStripes(text, seed);
  } else {
    hash.set(0, seed).add(PRIME_5);
  }
  hash.add(lane.set(0, length));
  for (; at + 8 <= length; at += 8) {
    mixRound(lane.set(0, 0), text, at);
    hash.xor(lane).rotateLeft(27).multiply(PRIME_1).add(PRIME_4);
  }
  if (at + 4 <= length) {
    hash
      .xor(lane.set(0, octets(text, at)).multiply(PRIME_1))
      .rotateLeft(23)
      .multiply(PRIME_2)
      .add(PRIME_3);
    at += 4;
  }
  for (; at < length; at++) {
    hash
      .xor(lane.set(0, text.charCodeAt(at) & 0xff).multiply(PRIME_5))
      .rotateLeft(11)
      .multiply(PRIME_1);
  }
  hash.mixDown(33).multiply(PRIME_2).mixDown(29).multiply(PRIME_3).mixDown(32);
  return { high: hash.high >>> 0, low: hash.low >>> 0 };
}

/** Takes as many whole stripes as there are; where the rest begins. */
function takeStripes(text: string, seed: number): number {
  const [first, second, third, fourth] = lanes;
  lane.set(0, seed);
  first.copy(lane).add(PRIME_1).add(PRIME_2);
  second.copy(lane).add(PRIME_2);
  third.copy(lane);
  fourth.copy(lane).add(MINUS_PRIME_1);
  let at = 0;
  for (; at + STRIPE <= text.length; at += STRIPE) {
    mixRound(first, text, at);
    mixRound(second, text, at + 8);
    mixRound(third, text, at + 16);
    mixRound(fourth, text, at + 24);
  }
  hash.copy(first).rotateLeft(1);
  hash.add(lane.copy(second).rotateLeft(7));
  hash.add(lane.copy(third).rotateLeft(12));
  hash.add(lane.copy(fourth).rotateLeft(18));
  for (const one of lanes) {
    hash.xor(one.multiply(PRIME_2).rotateLeft(31).multiply(PRIME_1)).multiply(PRIME_1).add(PRIME_4);
  }
  return at;
}

const taken = new Word();

/** Mixes the eight octets at a place into a lane. */
function mixRound(into: Word, text: string, at: number): void {
  taken.set(octets(text, at + 4), octets(text, at)).multiply(PRIME_2);
  into.add(taken).rotateLeft(31).multiply(PRIME_1);
}

/** Four octets, the lowest first. */
function octets(text: string, at: number): number {
  return (
    (text.charCodeAt(at) & 0xff) |
    ((text.charCodeAt(at + 1) & 0xff) << 8) |
    ((text.charCodeAt(at + 2) & 0xff) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}
