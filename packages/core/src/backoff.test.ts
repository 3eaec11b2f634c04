import { describe, expect, it } from 'vitest';
import { backoffDelay } from './backoff.ts';

const BACKOFF = { first: 100, longest: 1_200, jitter: 0.2 };

describe('backoffDelay', () => {
  it('doubles from the first delay', () => {
    expect([1, 2, 3].map((failures) => backoffDelay(BACKOFF, failures, 0.5))).toEqual([100, 200, 400]);
  });

  it('never exceeds the longest delay, jitter included, after however many failures', () => {
    for (const failures of [5, 40, 1e9]) expect(backoffDelay(BACKOFF, failures, 1)).toBeCloseTo(1_200);
  });

  it('spreads by the jitter, either way', () => {
    expect(backoffDelay(BACKOFF, 1, 0)).toBeCloseTo(80);
    expect(backoffDelay(BACKOFF, 1, 1)).toBeCloseTo(120);
  });
});
