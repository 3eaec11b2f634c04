import { describe, expect, it } from 'vitest';
import { ManualClock } from '@ambit/core/clock';
import type { Probe } from '@ambit/translation/objects';
import { Prober } from './prober.ts';

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function setUp(
  probe: Probe,
  eager: boolean,
): {
  verdicts: string[];
  attempts: () => number;
  pass: (milliseconds: number) => Promise<void>;
  fail: (why: string | undefined) => void;
  prober: Prober;
} {
  const clock = new ManualClock();
  const verdicts: string[] = [];
  let attempts = 0;
  let failure: string | undefined;
  const prober = new Prober(
    probe,
    { clock, eager },
    () => {
      attempts += 1;
      return failure === undefined ? Promise.resolve() : Promise.reject(new Error(failure));
    },
    (passing, why) => verdicts.push(`${passing} ${why}`.trim()),
  );
  return {
    ...{ verdicts, prober, attempts: () => attempts },
    pass: async (milliseconds) => {
      for (let passed = 0; passed < milliseconds; passed += 100) {
        clock.advance(100);
        await settle();
      }
    },
    fail: (why) => {
      failure = why;
    },
  };
}

describe('a prober', () => {
  it('waits its delay, changes its mind after the thresholds, and keeps its period', async () => {
    const { verdicts, attempts, pass, fail } = setUp(
      { initialDelaySeconds: 2, periodSeconds: 1, failureThreshold: 3 },
      false,
    );
    await pass(2_900);
    expect(attempts()).toBe(0);
    await pass(100);
    expect(verdicts).toEqual(['true']);
    fail('refused');
    await pass(2_000);
    expect(verdicts).toEqual(['true']);
    await pass(1_000);
    expect(verdicts).toEqual(['true', 'false refused']);
    fail(undefined);
    await pass(1_000);
    expect(verdicts).toEqual(['true', 'false refused', 'true']);
    expect(attempts()).toBe(5);
  });

  it('eager: tries often until the first success, and not afterwards', async () => {
    const { verdicts, attempts, pass, fail } = setUp({ periodSeconds: 10 }, true);
    fail('refused');
    await pass(1_000);
    expect(attempts()).toBeGreaterThan(8);
    expect(verdicts).toEqual([]);
    fail(undefined);
    await pass(100);
    expect(verdicts).toEqual(['true']);
    const before = attempts();
    await pass(9_000);
    expect(attempts()).toBe(before);
  });

  it('a liveness probe is not eager: a slow start is not a death', async () => {
    const { verdicts, pass, fail } = setUp({ periodSeconds: 10 }, false);
    fail('refused');
    await pass(29_000);
    expect(verdicts).toEqual([]);
    await pass(2_000);
    expect(verdicts).toEqual(['false refused']);
  });

  it('stopped: no verdict comes any more', async () => {
    const { verdicts, prober, pass } = setUp({ periodSeconds: 1 }, false);
    prober.stop();
    await pass(5_000);
    expect(verdicts).toEqual([]);
  });
});
