import { describe, expect, it } from 'vitest';
import { ManualClock } from '@ambit/core/clock';
import { PushSchedule } from './push-schedule.ts';

describe('PushSchedule', () => {
  it('runs at the first change at once and gathers what follows per window', () => {
    const clock = new ManualClock();
    const runs: number[] = [];
    const schedule = new PushSchedule(clock, 100, () => runs.push(clock.now()));
    schedule.changed();
    expect(runs).toEqual([0]);
    for (let at = 10; at <= 250; at += 10) {
      clock.advance(10);
      schedule.changed();
    }
    clock.advance(1_000);
    expect(runs).toEqual([0, 100, 200, 300]);
    schedule.changed();
    expect(runs).toEqual([0, 100, 200, 300, 1_250]);
  });

  it('does not run again when nothing followed', () => {
    const clock = new ManualClock();
    let runs = 0;
    const schedule = new PushSchedule(clock, 100, () => (runs += 1));
    schedule.changed();
    clock.advance(500);
    expect(runs).toBe(1);
  });
});
