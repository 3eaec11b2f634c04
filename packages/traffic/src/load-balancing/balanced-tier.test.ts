import { workload } from '@ambit/mesh/test-model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../test-service.ts';
import { BalancedTier } from './balanced-tier.ts';
import { EarliestDeadline } from './earliest-deadline.ts';
import { EndpointSlot } from './endpoint-slot.ts';

function slots(...weights: number[]): EndpointSlot[] {
  return weights.map(
    (capacity, index) => new EndpointSlot({ workload: workload(`p${index}`, { capacity }), port: 80, identities: [] }),
  );
}

/** How often each endpoint is drawn; `stay` keeps the requests open. */
function counts(
  tier: { draw(random: () => number): EndpointSlot | undefined },
  of: EndpointSlot[],
  draws: number,
  stay = false,
) {
  const random = seededRandom(3);
  const result = of.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    const slot = tier.draw(random);
    const index = slot === undefined ? -1 : of.indexOf(slot);
    result[index] = (result[index] ?? 0) + 1;
    if (slot !== undefined && stay) slot.active++;
  }
  return result;
}

describe('round robin', () => {
  it('goes around in order', () => {
    const of = slots(1, 1, 1);
    const tier = new BalancedTier(of, 'round-robin', () => 0);
    const order = [...Array(6).keys()].map(() => tier.draw(() => 0)?.uid.at(-1));
    expect(order.join('')).toBe('012012');
  });

  it('begins anywhere, so that threads are not in step', () => {
    const tier = new BalancedTier(slots(1, 1, 1), 'round-robin', () => 0.99);
    expect(tier.draw(() => 0)?.uid.at(-1)).toBe('2');
  });

  it('follows weights evenly: no endpoint is ever more than one turn off its share', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
        fc.integer(),
        (weights, seed) => {
          const of = slots(...weights);
          const schedule = new EarliestDeadline(of, false, seededRandom(seed));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          const turns = new Map<EndpointSlot | undefined, number>();
          for (let draw = 1; draw <= 4 * total; draw++) {
            const slot = schedule.next();
            turns.set(slot, (turns.get(slot) ?? 0) + 1);
            for (const one of of) {
              const share = (draw * one.weight) / total;
              expect(Math.abs((turns.get(one) ?? 0) - share)).toBeLessThanOrEqual(weights.length);
            }
          }
          // After whole rounds everyone had its share, but for where the first round began.
          for (const one of of) expect(Math.abs((turns.get(one) ?? 0) - 4 * one.weight)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('with weights begins anywhere, with whoever is first due', () => {
    const phases = [0.9, 0.8, 0.1, 0.2];
    const schedule = new EarliestDeadline(slots(1, 1, 1, 1), false, () => phases.shift() ?? 0);
    const order = [...Array(8).keys()].map(() => schedule.next()?.uid.at(-1)).join('');
    expect(order).toBe('23102310');
  });

  it('spreads the turns of a heavy endpoint', () => {
    const tier = new BalancedTier(slots(2, 1), 'round-robin', () => 0.5);
    const order = [...Array(30).keys()].map(() => tier.draw(() => 0.5)?.uid.at(-1)).join('');
    expect(order).not.toMatch(/000|11/);
  });

  it('of nothing is nothing', () => {
    expect(new EarliestDeadline([], false, () => 0).next()).toBeUndefined();
    for (const kind of ['least-request', 'random', 'round-robin'] as const) {
      expect(new BalancedTier([], kind, () => 0).draw(() => 0)).toBeUndefined();
    }
  });
});

describe('random', () => {
  it('is even and does not mind weights', () => {
    const of = slots(1, 9, 1);
    for (const count of counts(new BalancedTier(of, 'random', () => 0), of, 3_000)) {
      expect(Math.abs(count - 1_000)).toBeLessThan(100);
    }
  });
});

describe('least request', () => {
  it('is even among idle equals', () => {
    const of = slots(1, 1, 1, 1);
    for (const count of counts(new BalancedTier(of, 'least-request', () => 0), of, 4_000)) {
      expect(Math.abs(count - 1_000)).toBeLessThan(100);
    }
  });

  it('takes the less busy of two different endpoints', () => {
    const of = slots(1, 1);
    const [busy] = of;
    if (busy !== undefined) busy.active = 1;
    expect(counts(new BalancedTier(of, 'least-request', () => 0), of, 100)).toEqual([0, 100]);
  });

  it('never takes the busiest of many', () => {
    const of = slots(1, 1, 1, 1, 1);
    of.forEach((slot, index) => {
      slot.active = index;
    });
    const drawn = counts(new BalancedTier(of, 'least-request', () => 0), of, 5_000);
    expect(drawn[4]).toBe(0);
    expect(drawn[0]).toBeGreaterThan(1_800);
  });

  it('keeps open requests level', () => {
    const of = slots(1, 1, 1, 1, 1, 1);
    const open = counts(new BalancedTier(of, 'least-request', () => 0), of, 600, true);
    expect(Math.max(...open) - Math.min(...open)).toBeLessThanOrEqual(4);
  });

  it('with weights is by weight while all are idle', () => {
    const of = slots(3, 1);
    const drawn = counts(new BalancedTier(of, 'least-request', () => 0.5), of, 400);
    expect(Math.abs((drawn[0] ?? 0) - 300)).toBeLessThanOrEqual(1);
  });

  it('with weights shifts away from the busy', () => {
    const of = slots(3, 1);
    const [heavy] = of;
    if (heavy !== undefined) heavy.active = 8;
    const drawn = counts(new BalancedTier(of, 'least-request', () => 0.5), of, 400);
    expect(Math.abs((drawn[0] ?? 0) - 100)).toBeLessThanOrEqual(2);
  });
});
