import { describe, expect, it } from 'vitest';
import { reconnectDelay } from './reconnect-delay.ts';

describe('reconnectDelay', () => {
  it('is nothing after a stream that worked and ended in order', () => {
    expect(reconnectDelay(0, true, 0.5)).toBe(0);
  });

  it('begins at 10 ms after an error of a stream that worked', () => {
    expect(reconnectDelay(0, false, 0.5)).toBe(10);
  });

  it('doubles with every stream that brought nothing, even one that ended in order', () => {
    expect([1, 2, 3, 4].map((fruitless) => reconnectDelay(fruitless, true, 0.5))).toEqual([10, 20, 40, 80]);
  });

  it('never exceeds 15 s', () => {
    expect(reconnectDelay(1e6, false, 1)).toBeCloseTo(15_000);
    expect(reconnectDelay(1e6, false, 0)).toBeCloseTo(10_000);
  });
});
