import { HASH_BUILD_STEPS } from '../../limits.ts';
import { type Hash64, remainder } from './hash64.ts';
import { type HashMember, type HashTable, type HashTableBuild, heaviest } from './hash-table.ts';
import { xxHash64 } from './xxhash64.ts';

/**
 * Makes a table as Envoy's (`maglev`; Eisenbud et al., NSDI 2016, 3.4): members take turns at the next free place of their own
 * order, those of less weight in fewer turns. `size`: a prime number.
 */
export function* buildMaglevTable(members: readonly HashMember[], size: number): HashTableBuild {
  const owners = new Uint32Array(size).fill(FREE);
  const most = heaviest(members);
  const turns = members.map(({ name, weight }) => ({
    weight,
    due: 0,
    place: remainder(xxHash64(name), size),
    skip: remainder(xxHash64(name, 1), size - 1) + 1,
  }));
  let free = turns.length === 0 ? 0 : size;
  let steps = 0;
  let inTurn = [...turns.keys()];
  /** By their round, those who pass some: where weights differ much, nearly all do in nearly all rounds. */
  const passing = new Map<number, number[]>();
  for (let round = 1; free > 0; round++) {
    const next: number[] = [];
    for (const index of inTurn) {
      const turn = turns[index];
      if (turn === undefined) continue;
      while (owners[turn.place] !== FREE) {
        turn.place = (turn.place + turn.skip) % size;
        steps++;
      }
      owners[turn.place] = index;
      free--;
      steps++;
      turn.due += most;
      const due = Math.ceil(turn.due / turn.weight);
      if (due <= round + 1) next.push(index);
      // The heaviest has a turn in every round, so that there are no more rounds than places.
      else if (due <= size) putAside(passing, due, index);
      if (steps >= PAUSE_STEPS) {
        steps = 0;
        yield undefined;
      }
      if (free === 0) break;
    }
    const back = passing.get(round + 1);
    passing.delete(round + 1);
    inTurn = back === undefined ? next : [...next, ...back].sort((a, b) => a - b);
  }
  return new MaglevTable(turns.length === 0 ? new Uint32Array(0) : owners);
}

function putAside(passing: Map<number, number[]>, round: number, index: number): void {
  const known = passing.get(round);
  if (known === undefined) passing.set(round, [index]);
  else known.push(index);
}

const FREE = 0xffff_ffff;

/** A step here costs far less than a hash. */
const PAUSE_STEPS = 16 * HASH_BUILD_STEPS;

class MaglevTable implements HashTable {
  readonly owners: Uint32Array;

  constructor(owners: Uint32Array) {
    this.owners = owners;
  }

  placeOf(hash: Hash64): number {
    return remainder(hash, this.owners.length);
  }
}
