import { expect, it } from 'vitest';
import { halfRange, median, orderOfRound } from './statistics.ts';

it('takes the middle value whatever the order, and the mean of the two middle ones', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 2, 100, 1])).toBe(6);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

it('does not let one outlier move the median', () => {
  expect(median([10, 11, 12, 13, 5000])).toBe(12);
});

it('gives half the range as spread', () => {
  expect(halfRange([4, 10, 6])).toBe(3);
  expect(halfRange([4])).toBe(0);
  expect(halfRange([])).toBeNaN();
});

it('reverses the order in every other round and leaves the list alone', () => {
  const subjects = ['a', 'b', 'c'];
  expect(orderOfRound(subjects, 0)).toEqual(['a', 'b', 'c']);
  expect(orderOfRound(subjects, 1)).toEqual(['c', 'b', 'a']);
  expect(subjects).toEqual(['a', 'b', 'c']);
});
