import { HASH_BUILD_STEPS, MAX_HASH_RING } from '../../limits.ts';
import { type Hash64, isBefore } from './hash64.ts';
import type { HashMember, HashTable, HashTableBuild } from './hash-table.ts';
import { xxHash64 } from './xxhash64.ts';

/**
 * Makes a ring as Envoy's (`ring_hash`): each member stands on it at the hashes of `name_0`, `name_1`…, as often as its weight says,
 * the lightest one a whole number of times; about `minimumSize` places, and more where weights differ.
 */
export function* buildHashRing(members: readonly HashMember[], minimumSize: number): HashTableBuild {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const lightest = members.reduce((least, { weight }) => Math.min(least, weight), total) / total;
  const scale = Math.min(Math.ceil(lightest * minimumSize) / lightest, MAX_HASH_RING);
  const size = members.length === 0 ? 0 : Math.ceil(scale);
  const [highs, lows, owners] = [new Uint32Array(size), new Uint32Array(size), new Uint32Array(size)];
  let place = 0;
  let wanted = 0;
  for (const [index, { name, weight }] of members.entries()) {
    wanted += (scale * weight) / total;
    for (let copy = 0; place < wanted && place < size; copy++, place++) {
      const { high, low } = xxHash64(`${name}_${copy}`);
      highs[place] = high;
      lows[place] = low;
      owners[place] = index;
      if (place % HASH_BUILD_STEPS === HASH_BUILD_STEPS - 1) yield undefined;
    }
  }
  const order = yield* sortedOrder(highs, lows);
  return new HashRing(permuted(highs, order), permuted(lows, order), permuted(owners, order));
}

class HashRing implements HashTable {
  readonly owners: Uint32Array;
  readonly #highs: Uint32Array;
  readonly #lows: Uint32Array;

  constructor(highs: Uint32Array, lows: Uint32Array, owners: Uint32Array) {
    this.#highs = highs;
    this.#lows = lows;
    this.owners = owners;
  }

  /** The first place at or behind the hash. */
  placeOf({ high, low }: Hash64): number {
    let from = 0;
    let to = this.owners.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (isBefore(this.#highs[middle] ?? 0, this.#lows[middle] ?? 0, high, low)) from = middle + 1;
      else to = middle;
    }
    return from === this.owners.length ? 0 : from;
  }
}

const DIGITS = 2_048;

/** The order of 64-bit numbers: by their upper halves digit by digit, which tells apart all but a few. */
function* sortedOrder(highs: Uint32Array, lows: Uint32Array): Generator<undefined, Uint32Array, undefined> {
  let order = Uint32Array.from(highs.keys());
  for (let shift = 0; shift < 32; shift += 11) {
    const starts = new Uint32Array(DIGITS + 1);
    for (const high of highs) raise(starts, ((high >>> shift) % DIGITS) + 1, 1);
    for (let digit = 0; digit < DIGITS; digit++) raise(starts, digit + 1, starts[digit] ?? 0);
    const next = new Uint32Array(order.length);
    for (const index of order) {
      const digit = ((highs[index] ?? 0) >>> shift) % DIGITS;
      next[starts[digit] ?? 0] = index;
      raise(starts, digit, 1);
    }
    order = next;
    if (order.length > HASH_BUILD_STEPS) yield undefined;
  }
  for (let at = 1; at < order.length; at++) {
    for (let back = at; back > 0; back--) {
      const one = order[back - 1] ?? 0;
      const two = order[back] ?? 0;
      if (!isBefore(highs[two] ?? 0, lows[two] ?? 0, highs[one] ?? 0, lows[one] ?? 0)) break;
      order[back - 1] = two;
      order[back] = one;
    }
  }
  return order;
}

function raise(values: Uint32Array, at: number, by: number): void {
  values[at] = (values[at] ?? 0) + by;
}

function permuted(values: Uint32Array, order: Uint32Array): Uint32Array {
  return order.map((index) => values[index] ?? 0);
}
