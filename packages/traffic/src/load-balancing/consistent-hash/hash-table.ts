import type { Hash64 } from './hash64.ts';

/** Who a table is made of. */
export interface HashMember {
  /** Its address: what it is hashed by, the same on every proxy. */
  readonly name: string;
  /** Relative, above 0. */
  readonly weight: number;
}

/** Places in a circle, each of which belongs to a member: a key leads to one of them, and the next ones stand in for it. */
export interface HashTable {
  /** By place, which member it belongs to. */
  readonly owners: Uint32Array;
  placeOf(hash: Hash64): number;
}

/** Makes a table, and pauses whenever as much was done as fits into one turn of a thread (`HASH_BUILD_STEPS`). */
export type HashTableBuild = Generator<undefined, HashTable, undefined>;

export function heaviest(members: readonly HashMember[]): number {
  let weight = 0;
  for (const member of members) weight = Math.max(weight, member.weight);
  return weight;
}
