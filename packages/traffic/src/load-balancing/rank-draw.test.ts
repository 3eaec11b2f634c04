import { workload } from '@ambit/mesh/test-model';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../test-service.ts';
import { BalancedTier } from './balanced-tier.ts';
import { EndpointSlot } from './endpoint-slot.ts';
import { drawRank, drawShare } from './rank-draw.ts';

const random = seededRandom(3);

/** Ranks of endpoints that are called by their rank and number: `0-1`. */
function tiersOf(sizes: readonly number[], addresses: readonly string[] = ['10.0.0.1']): BalancedTier[] {
  return sizes.map((size, rank) => {
    const slots = Array.from({ length: size }, (_, at) => {
      const of = workload(`${rank}-${at}`, { addresses: rank === 0 ? ['10.0.0.1'] : [...addresses] });
      return new EndpointSlot({ workload: of, port: 80, identities: [] });
    });
    return new BalancedTier(slots, 'random', random);
  });
}

/** The first of each rank are out. */
function firstOut(out: readonly number[]): (uid: string) => boolean {
  return (uid) => {
    const [rank = '', at = ''] = uid.slice(uid.lastIndexOf('/') + 1).split('-');
    return Number(at) < (out[Number(rank)] ?? 0);
  };
}

/** Of 10,000 draws, how many percent have each rank first. */
function percents(ranks: number, draw: () => number): number[] {
  const counts = Array.from({ length: ranks }, () => 0);
  for (let at = 0; at < 10_000; at++) {
    const rank = draw();
    counts[rank] = (counts[rank] ?? 0) + 1;
  }
  return counts.map((count) => Math.round(count / 100));
}

function close(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [at, percent] of actual.entries()) expect(Math.abs(percent - (expected[at] ?? 0))).toBeLessThan(3);
}

describe('of ranks', () => {
  it.each<[string, number[], number[], number[]]>([
    ['the first takes all while 5 of 7 are in', [7, 4], [2, 0], [100, 0]],
    ['it shares with the next below that', [10, 10], [5, 0], [70, 30]],
    ['the next shares with the one behind', [10, 10, 10], [5, 9, 0], [70, 14, 16]],
    ['the next takes all when the first is out', [4, 4], [4, 0], [0, 100]],
    ['all share what they can when none is well', [10, 10], [9, 8], [33, 67]],
  ])('%s', (_, sizes, out, expected) => {
    const tiers = tiersOf(sizes);
    close(
      percents(sizes.length, () => drawRank(tiers, random, firstOut(out))),
      expected,
    );
  });

  it('those without an address take nothing', () => {
    const tiers = tiersOf([2, 2], []);
    expect(percents(2, () => drawRank(tiers, random, firstOut([1])))).toEqual([100, 0]);
  });
});

describe('of shares', () => {
  it.each<[string, number[], number[] | undefined, number[]]>([
    ['each has its own', [80, 20], undefined, [80, 20]],
    ['each has its own while 5 of 7 are in', [80, 20], [2, 2], [80, 20]],
    ['one with too many out has less', [50, 50], [6, 0], [17, 83]],
    ['one that is out has none', [50, 30, 20], [7, 0, 0], [0, 60, 40]],
    ['the last one that is out has none', [50, 30, 20], [0, 0, 7], [62, 38, 0]],
  ])('%s', (_, shares, out, expected) => {
    const tiers = tiersOf(shares.map(() => 7));
    const isOut = out === undefined ? undefined : firstOut(out);
    close(
      percents(shares.length, () => drawShare(tiers, shares, random, isOut)),
      expected,
    );
  });
});
