import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TIMER_GRANULARITY_MS, TimerWheel } from './timer-wheel.ts';

const call = (run: () => void): void => run();

describe('timers', () => {
  it('run in time, never early, for any delays and any steps of the clock', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 1_000_000 }),
        (delays, steps, start) => {
          const wheel = new TimerWheel(start);
          let now = start;
          let previous = start;
          const late: number[] = [];
          for (const delay of delays) {
            wheel.after(start, delay, () => {
              expect(now).toBeGreaterThanOrEqual(start + delay);
              late.push(Math.max(0, previous - (start + delay)));
            });
          }
          for (const step of steps) {
            now += step;
            wheel.advance(now, call);
            previous = now;
            const due = delays.filter((delay) => start + delay + TIMER_GRANULARITY_MS <= now).length;
            expect(late.length).toBeGreaterThanOrEqual(due);
          }
          // What ran was not due at the step before, give or take the granularity.
          expect(late.every((lateness) => lateness <= TIMER_GRANULARITY_MS)).toBe(true);
          expect(wheel.size).toBe(delays.length - late.length);
        },
      ),
    );
  });

  it('promise a wait that never oversleeps a timer', () => {
    const wheel = new TimerWheel(0);
    expect(wheel.untilNext(0, 500)).toBe(500);
    wheel.after(0, 100, () => undefined);
    const wait = wheel.untilNext(0, 500);
    expect(wait).toBeGreaterThanOrEqual(100);
    expect(wait).toBeLessThanOrEqual(100 + TIMER_GRANULARITY_MS);
    wheel.after(0, 10, () => undefined);
    expect(wheel.untilNext(0, 500)).toBeLessThanOrEqual(10 + TIMER_GRANULARITY_MS);
  });

  it('are gone when cancelled, also from within another that is due with them', () => {
    const wheel = new TimerWheel(0);
    const ran: string[] = [];
    const other = wheel.after(0, 20, () => ran.push('other'));
    wheel.after(0, 20, () => ran.push('far')).cancel();
    const first = wheel.after(0, 20, () => ran.push('first'));
    wheel.after(0, 10, () => {
      ran.push('early');
      first.cancel();
      first.cancel();
    });
    wheel.advance(1000, call);
    expect(ran).toEqual(['early', 'other']);
    other.cancel();
    expect(wheel.size).toBe(0);
    expect(wheel.untilNext(1000, 500)).toBe(500);
  });

  it('may start others, which do not run in the same round', () => {
    const wheel = new TimerWheel(0);
    let rounds = 0;
    const again = (): void => {
      rounds += 1;
      wheel.after(50, 0, again);
    };
    wheel.after(0, 10, again);
    wheel.advance(50, call);
    expect(rounds).toBe(1);
    wheel.advance(50 + 2 * TIMER_GRANULARITY_MS, call);
    expect(rounds).toBe(2);
  });
});
