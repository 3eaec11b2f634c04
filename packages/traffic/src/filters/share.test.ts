import { describe, expect, it } from 'vitest';
import { isDrawn } from './share.ts';
import { seededRandom } from '../test-service.ts';

describe('a share of a million', () => {
  it.each([
    [0, 0, false],
    [1, 0, true],
    [1, 0.000_000_999, true],
    [1, 0.000_001, false],
    [500_000, 0.499_999, true],
    [500_000, 0.5, false],
    [999_999, 1 - 2 ** -53, false],
    [1_000_000, 1 - 2 ** -53, true],
  ])('of %i with %d drawn: %s', (perMillion, drawn, expected) => {
    expect(isDrawn(perMillion, () => drawn)).toBe(expected);
  });

  it('is what it says, in the long run', () => {
    const random = seededRandom(3);
    let count = 0;
    for (let draw = 0; draw < 100_000; draw++) count += Number(isDrawn(10_000, random));
    // Five standard deviations of 100,000 draws at 1 %.
    expect(Math.abs(count - 1_000)).toBeLessThan(160);
  });
});
