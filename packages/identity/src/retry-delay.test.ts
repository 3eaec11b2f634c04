import { describe, expect, it } from 'vitest';
import { retryDelay } from './retry-delay.ts';

describe('retryDelay', () => {
  it('starts between half a second and a second and doubles', () => {
    expect(retryDelay(1, 0, 0.5)).toBe(500);
    expect(retryDelay(1, 1, 0.5)).toBe(1_000);
    expect(retryDelay(4, 0, 0.5)).toBe(4_000);
  });

  it('moves each delay by up to a fifth either way', () => {
    expect(retryDelay(1, 0, 0)).toBeCloseTo(400);
    expect(retryDelay(1, 0, 1)).toBeCloseTo(600);
  });

  it('never exceeds 150 s, after however many failures', () => {
    for (const failures of [10, 40, 1e6]) expect(retryDelay(failures, 1, 1)).toBeCloseTo(150_000);
    expect(retryDelay(1e6, 0, 0)).toBeCloseTo(100_000);
  });
});
