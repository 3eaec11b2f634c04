import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BucketSearch } from './bucket-search.ts';
import { REQUEST_BUCKETS } from './request-families.ts';

function naive(bounds: readonly number[], value: number): number {
  const found = bounds.findIndex((bound) => value <= bound);
  return found < 0 ? bounds.length : found;
}

describe('the bucket of a value', () => {
  it('is the first whose bound is not below it', () => {
    const search = new BucketSearch(REQUEST_BUCKETS);
    for (const bound of REQUEST_BUCKETS) {
      for (const value of [bound - 1e-9, bound, bound + 1e-9, bound + 1])
        expect(search.find(value), String(value)).toBe(naive(REQUEST_BUCKETS, value));
    }
    for (const value of [-1, -Infinity, 0, 2 ** 31, 2 ** 32 - 0.5, 2 ** 32, 2 ** 53, Infinity])
      expect(search.find(value), String(value)).toBe(naive(REQUEST_BUCKETS, value));
  });

  it('is so for any bounds and values', () => {
    const bounds = fc
      .uniqueArray(fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.nat()), { minLength: 1, maxLength: 60 })
      .map((some) => some.toSorted((a, b) => a - b));
    const values = fc.array(fc.oneof(fc.double({ noNaN: true }), fc.nat(), fc.maxSafeNat()), { minLength: 1 });
    fc.assert(
      fc.property(bounds, values, (some, those) => {
        const search = new BucketSearch(some);
        for (const value of [...those, ...some]) expect(search.find(value)).toBe(naive(some, value));
      }),
    );
  });
});
