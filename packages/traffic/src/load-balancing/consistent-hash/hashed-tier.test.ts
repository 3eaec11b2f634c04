import { workload } from '@ambit/mesh/test-model';
import { describe, expect, it } from 'vitest';
import type { HashTableSize } from '../../model/served-service.ts';
import { EndpointSlot } from '../endpoint-slot.ts';
import { HashedTier, type Later } from './hashed-tier.ts';
import { xxHash64 } from './xxhash64.ts';

const RING: HashTableSize = { kind: 'ring', size: 16_384 };
const KEYS = Array.from({ length: 500 }, (_, index) => xxHash64(`user-${index}`));

function slot(index: number): EndpointSlot {
  const model = workload(`p${index}`, { addresses: [`10.0.0.${index}`] });
  return new EndpointSlot({ workload: model, port: 80, identities: [] });
}

function chosen(tier: HashedTier, isUsable: (one: EndpointSlot) => boolean = () => true): (EndpointSlot | undefined)[] {
  return KEYS.map((key) => tier.find(key, isUsable));
}

/** What is put off until `run`. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly later: Later = (run) => {
    this.#waiting.push(run);
  };

  run(): number {
    let turns = 0;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next();
      turns++;
    }
    return turns;
  }
}

describe('endpoints by key', () => {
  it.each<HashTableSize>([
    { kind: 'ring', size: 1_024 },
    { kind: 'maglev', size: 1_009 },
  ])('of a $kind do not depend on their order, and each is used', (size) => {
    const slots = [1, 2, 3, 4].map(slot);
    const one = chosen(HashedTier.of(slots, size, undefined, []));
    expect(chosen(HashedTier.of([...slots].reverse(), size, undefined, []))).toEqual(one);
    expect(new Set(one)).toEqual(new Set(slots));
  });

  it('that may not be used are each stood in for by the same one, and the others stay', () => {
    const slots = [1, 2, 3, 4].map(slot);
    const tier = HashedTier.of(slots, RING, undefined, []);
    const before = chosen(tier);
    const without = chosen(tier, (one) => one !== slots[0]);
    expect(chosen(tier, (one) => one !== slots[0])).toEqual(without);
    before.forEach((owner, index) => {
      if (owner === slots[0]) expect(slots.slice(1)).toContain(without[index]);
      else expect(without[index]).toBe(owner);
    });
    expect(new Set(without).size).toBe(3);
    expect(chosen(tier, () => false).every((one) => one === undefined)).toBe(true);
  });

  it('are the same while nothing changes', () => {
    const slots = [1, 2].map(slot);
    const tier = HashedTier.of(slots, RING, undefined, []);
    expect(HashedTier.of([...slots].reverse(), RING, undefined, [tier])).toBe(tier);
    const [first] = slots;
    if (first !== undefined) first.weight = 2;
    expect(HashedTier.of(slots, RING, undefined, [tier])).not.toBe(tier);
  });

  it('that change are those of before, less who is gone, until the new table is made over several turns', () => {
    const turns = new Turns();
    const slots = [1, 2, 3].map(slot);
    const [, second, third] = slots as [EndpointSlot, EndpointSlot, EndpointSlot];
    const fourth = slot(4);
    const tier = HashedTier.of(slots, RING, turns.later, []);
    const before = chosen(tier);
    const next = HashedTier.of([second, third, fourth], RING, turns.later, [tier]);
    const meanwhile = chosen(next);
    expect(new Set(meanwhile)).toEqual(new Set([second, third]));
    before.forEach((owner, index) => {
      if (owner !== slots[0]) expect(meanwhile[index]).toBe(owner);
    });
    expect(turns.run()).toBeGreaterThan(5);
    expect(chosen(next)).toEqual(chosen(HashedTier.of([second, third, fourth], RING, undefined, [])));
    expect(new Set(chosen(next))).toContain(fourth);
  });

  it('that change again meanwhile come to the last ones', () => {
    const turns = new Turns();
    const [a, b, c, d] = [1, 2, 3, 4].map(slot) as [EndpointSlot, EndpointSlot, EndpointSlot, EndpointSlot];
    const first = HashedTier.of([a, b], RING, turns.later, []);
    chosen(first);
    const last = HashedTier.of([b, d], RING, turns.later, [HashedTier.of([b, c], RING, turns.later, [first])]);
    expect(new Set(chosen(last))).toEqual(new Set([b]));
    turns.run();
    expect(new Set(chosen(last))).toEqual(new Set([b, d]));
  });

  it('none of whom the last table knows are spread by their own table at once', () => {
    const turns = new Turns();
    const first = HashedTier.of([slot(1)], RING, turns.later, []);
    chosen(first);
    const others = [2, 3, 4].map(slot);
    const next = HashedTier.of(others, RING, turns.later, [first]);
    expect(chosen(next)).toEqual(chosen(HashedTier.of(others, RING, undefined, [])));
  });

  it('whose rank is another now keep their keys', () => {
    const turns = new Turns();
    const [near, far] = [[1, 2].map(slot), [3, 4, 5].map(slot)];
    const ranks = [near, far].map((slots) => HashedTier.of(slots, RING, turns.later, []));
    const before = ranks.map((tier) => chosen(tier))[1];
    expect(chosen(HashedTier.of(far, RING, turns.later, ranks))).toEqual(before);
  });
});
