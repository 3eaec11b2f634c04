import { describe, expect, it } from 'vitest';
import { REQUESTS_WAITING_FOR_KEYS } from '../limits.ts';
import { TokenKeys } from './token-keys.ts';

describe('requests that wait for keys', () => {
  it('leave their places when they end, so that others may wait', () => {
    let timers = 0;
    const keys = new TokenKeys({
      wallTime: () => 0,
      after: () => {
        timers += 1;
        return {
          cancel: () => {
            timers -= 1;
          },
        };
      },
      want: () => undefined,
    });
    const woken: number[] = [];
    const wait = (number: number): (() => void) | undefined => keys.wait(['issuer'], () => woken.push(number));
    const ends = Array.from({ length: REQUESTS_WAITING_FOR_KEYS }, (_, number) => wait(number));
    expect(wait(-1)).toBeUndefined();
    for (const end of ends.slice(1)) end?.();
    ends[1]?.();
    expect(wait(-2)).toBeDefined();
    keys.apply({ changed: [], removed: [], settled: ['issuer'] });
    expect([woken, timers]).toEqual([[0, -2], 0]);
    const again = Array.from({ length: REQUESTS_WAITING_FOR_KEYS }, (_, number) => wait(number));
    expect(again.every((end) => end !== undefined)).toBe(true);
  });
});
