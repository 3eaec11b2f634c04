import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexOf, remainder } from './hash64.ts';
import { xxHash64 } from './xxhash64.ts';

const BITS = (1n << 64n) - 1n;
const [P1, P2, P3, P4, P5] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
];

/** The same by the book, with big numbers. */
function plainly(bytes: Buffer, seed: bigint): bigint {
  const turn = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & BITS;
  const round = (lane: bigint, input: bigint): bigint => (turn((lane + input * P2) & BITS, 31n) * P1) & BITS;
  let at = 0;
  let hash = (seed + P5) & BITS;
  if (bytes.length >= 32) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1].map((lane) => lane & BITS);
    for (; at + 32 <= bytes.length; at += 32) {
      lanes.forEach((lane, index) => (lanes[index] = round(lane, bytes.readBigUInt64LE(at + 8 * index))));
    }
    hash = lanes.reduce((sum, lane, index) => (sum + turn(lane, [1n, 7n, 12n, 18n][index] ?? 0n)) & BITS, 0n);
    for (const lane of lanes) hash = (((hash ^ round(0n, lane)) * P1) & BITS) + P4;
  }
  hash = (hash + BigInt(bytes.length)) & BITS;
  for (; at + 8 <= bytes.length; at += 8)
    hash = (turn(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * P1 + P4) & BITS;
  if (at + 4 <= bytes.length) {
    hash = (turn(hash ^ ((BigInt(bytes.readUInt32LE(at)) * P1) & BITS), 23n) * P2 + P3) & BITS;
    at += 4;
  }
  for (; at < bytes.length; at++) hash = (turn(hash ^ ((BigInt(bytes[at] ?? 0) * P5) & BITS), 11n) * P1) & BITS;
  hash = ((hash ^ (hash >> 33n)) * P2) & BITS;
  hash = ((hash ^ (hash >> 29n)) * P3) & BITS;
  return hash ^ (hash >> 32n);
}

describe('xxHash64', () => {
  it.each([
    ['', 0, 'ef46db3751d8e999'],
    ['a', 0, 'd24ec4f1a98c6e5b'],
    ['abc', 0, '44bc2cf5ad770999'],
    ['Nobody inspects the spammish repetition', 0, 'fbcea83c8a378bf1'],
    ['xxhash', 20_141_025, 'b559b98d844e0635'],
  ])('of %j with %i is as published', (text, seed, expected) => {
    expect(hexOf(xxHash64(text, seed))).toBe(expected);
  });

  it('of anything is as with big numbers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (octets, seed) => {
        const bytes = Buffer.from(octets);
        const hash = xxHash64(bytes.toString('latin1'), seed);
        expect(BigInt(`0x${hexOf(hash)}`)).toBe(plainly(bytes, BigInt(seed)));
      }),
    );
  });

  it('has the remainders of its number', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 2_097_151 }), (text, divisor) => {
        const hash = xxHash64(text);
        expect(BigInt(remainder(hash, divisor))).toBe(BigInt(`0x${hexOf(hash)}`) % BigInt(divisor));
      }),
    );
  });
});
