import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

const ALMOST_ONE = 1 - 2 ** -53;

describe('the delay before a retry', () => {
  it.each([
    [1, 24],
    [2, 74],
    [3, 174],
    [4, 249],
    [5, 249],
    [1_000, 249],
  ])('number %d is under (2^n - 1) times the base and under ten times it: at most %d', (retry, longest) => {
    expect(backoffMs(25, retry, ALMOST_ONE)).toBe(longest);
    expect(backoffMs(25, retry, 0)).toBe(0);
    expect(backoffMs(25, retry, 0.5)).toBe(Math.floor((longest + 1) / 2));
  });
});
