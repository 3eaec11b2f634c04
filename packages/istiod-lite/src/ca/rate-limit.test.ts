import { ManualClock } from '@ambit/core/clock';
import { describe, expect, it } from 'vitest';
import { MAX_RATE_LIMIT_KEYS } from '../limits.ts';
import { RateLimit } from './rate-limit.ts';

describe('RateLimit', () => {
  it('gives a burst, then as much as time brings, for each key by itself', () => {
    const clock = new ManualClock();
    const limit = new RateLimit({ burst: 3, perSecond: 2 }, clock);
    expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([true, true, true, false]);
    expect(limit.take('b')).toBe(true);
    clock.advance(500);
    expect([limit.take('a'), limit.take('a')]).toEqual([true, false]);
    clock.advance(60_000);
    expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([true, true, true, false]);
  });

  it('remembers a bounded number of keys', () => {
    const limit = new RateLimit({ burst: 1, perSecond: 0.001 }, new ManualClock());
    for (let key = 0; key < MAX_RATE_LIMIT_KEYS + 10; key++) limit.take(String(key));
    expect(limit.hasRoom('0')).toBe(true);
    expect(limit.hasRoom(String(MAX_RATE_LIMIT_KEYS))).toBe(false);
  });
});
