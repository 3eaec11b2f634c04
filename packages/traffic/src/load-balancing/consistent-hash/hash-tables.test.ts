import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HASH_BUILD_STEPS, MAX_HASH_RING } from '../../limits.ts';
import { type Hash64, hexOf } from './hash64.ts';
import { buildHashRing } from './hash-ring.ts';
import type { HashMember, HashTable, HashTableBuild } from './hash-table.ts';
import { buildMaglevTable } from './maglev-table.ts';
import { xxHash64 } from './xxhash64.ts';

function members(...weights: readonly number[]): HashMember[] {
  return weights.map((weight, index) => ({ name: `10.0.0.${index}:8080`, weight }));
}

function equals(count: number): HashMember[] {
  return members(...Array.from({ length: count }, () => 1));
}

function finished(build: HashTableBuild): HashTable {
  for (;;) {
    const { done, value } = build.next();
    if (done === true) return value;
  }
}

const ring = (of: readonly HashMember[], size = 1_024): HashTable => finished(buildHashRing(of, size));
const maglev = (of: readonly HashMember[], size = 65_537): HashTable => finished(buildMaglevTable(of, size));

const KEYS: readonly Hash64[] = Array.from({ length: 10_000 }, (_, index) => xxHash64(`user-${index}`));

/** The name of whom each key belongs to. */
function owners(table: HashTable, of: readonly HashMember[]): string[] {
  return KEYS.map((key) => of[table.owners[table.placeOf(key)] ?? -1]?.name ?? 'none');
}

/** The share of the keys that belong to each. */
function shares(table: HashTable, of: readonly HashMember[]): number[] {
  const all = owners(table, of);
  return of.map(({ name }) => all.filter((owner) => owner === name).length / KEYS.length);
}

// A ring of Envoy has as many places for few endpoints as for many: who stays gets those of who goes, and with them keys of others.
describe.each([
  ['a ring', ring, 0.35, 2],
  ['a Maglev table', maglev, 0.15, 1],
] as const)('%s', (_, table, tolerance, factor) => {
  it.each([[[1]], [[1, 1, 1, 1]], [[1, 2, 3]], [[10, 1]], [[0.5, 0.5, 1]]])('gives shares by weight: %j', (weights) => {
    const of = members(...weights);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    shares(table(of), of).forEach((share, index) => {
      const due = (weights[index] ?? 0) / total;
      expect(Math.abs(share - due) / due).toBeLessThan(tolerance);
    });
  });

  it('moves the keys of one that goes, and few others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 12 }), fc.nat(), (count, which) => {
        const before = equals(count);
        const gone = before[which % count];
        const after = before.filter((one) => one !== gone);
        const was = owners(table(before), before);
        const is = owners(table(after), after);
        const moved = was.filter((name, index) => name !== is[index]).length / KEYS.length;
        const own = was.filter((name) => name === gone?.name).length / KEYS.length;
        expect(moved).toBeGreaterThanOrEqual(own);
        expect(moved).toBeLessThan(factor / count + 0.06);
      }),
      { numRuns: 20 },
    );
  });

  it('moves to one that comes its share of keys', () => {
    const before = equals(9);
    const after = equals(10);
    const [was, is] = [owners(table(before), before), owners(table(after), after)];
    const moved = was.filter((name, index) => name !== is[index]).length / KEYS.length;
    expect(moved).toBeGreaterThan(0.05);
    expect(moved).toBeLessThan(0.1 * factor + 0.03);
  });

  it('of nobody has no places', () => {
    expect(table([]).owners).toHaveLength(0);
  });

  it('is made in pieces that fit into a turn', () => {
    const build = table === ring ? buildHashRing(equals(10), 16_384) : buildMaglevTable(equals(10), 65_537);
    let pieces = 1;
    while (build.next().done !== true) pieces++;
    expect(pieces).toBeGreaterThan(5);
  });
});

describe('a ring', () => {
  it('leads to the first place at or behind the hash, and from the last one to the first', () => {
    const of = members(1, 2, 1);
    const table = ring(of, 64);
    const places = of.flatMap(({ name, weight }, owner) =>
      Array.from({ length: 16 * weight }, (_, copy) => ({ owner, at: hexOf(xxHash64(`${name}_${copy}`)) })),
    );
    places.sort((a, b) => (a.at < b.at ? -1 : 1));
    for (const key of KEYS) {
      const expected = places.find(({ at }) => at >= hexOf(key)) ?? places[0];
      expect(table.owners[table.placeOf(key)]).toBe(expected?.owner);
    }
  });

  it.each([
    [1, 1_024, 1_024],
    [3, 1_024, 1_026],
    [5_000, 1_024, 5_000],
    [7, MAX_HASH_RING * 4, MAX_HASH_RING],
    [2 * MAX_HASH_RING, 1_024, MAX_HASH_RING],
  ])('of %i endpoints and at least %i places has %i', (count, size, expected) => {
    const of = Array.from({ length: count }, (_, index) => ({ name: `e${index}`, weight: 1 }));
    expect(ring(of, size).owners).toHaveLength(expected);
  });

  it('pauses in time', () => {
    const build = buildHashRing(equals(1), HASH_BUILD_STEPS - 1);
    expect(build.next().done).toBe(true);
    expect(buildHashRing(equals(1), HASH_BUILD_STEPS).next().done).toBe(false);
  });
});

describe('a Maglev table', () => {
  it('belongs to everybody by weight, place by place', () => {
    const of = members(1, 2, 1);
    const { owners: places } = maglev(of, 1_009);
    const counts = of.map((_, index) => places.filter((owner) => owner === index).length);
    expect(counts.map((count) => Math.round((4 * count) / 1_009))).toEqual([1, 2, 1]);
    expect(counts.reduce((sum, count) => sum + count)).toBe(1_009);
  });

  it('of many whose weights differ much is made about as fast as one of equals', () => {
    const timeOf = (of: readonly HashMember[]): number => {
      const begun = performance.now();
      maglev(of);
      return performance.now() - begun;
    };
    const equal = Math.max(timeOf(equals(5_000)), timeOf(equals(5_000)));
    const differing = members(100_000, ...Array.from({ length: 4_999 }, () => 1));
    expect(Math.min(timeOf(differing), timeOf(differing))).toBeLessThan(10 * equal);
  });
});
