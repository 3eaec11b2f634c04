import { ManualClock, systemClock } from '@ambit/core/clock';
import { describe, expect, it } from 'vitest';
import { type CheckResult, eventually, runCheck, runChecks } from './check.ts';

describe('runChecks', () => {
  it('goes on after a failure and tells every result as it comes', async () => {
    const told: CheckResult[] = [];
    let recovered = 0;
    const bench = { name: 'bench', recover: () => Promise.resolve(void (recovered += 1)) };
    const checks = [
      { name: 'bad', limit: 1_000, run: () => Promise.reject(new Error('broken')) },
      { name: 'good', limit: 1_000, run: ({ name }: typeof bench) => Promise.resolve(`seen ${name}`) },
    ];
    const results = await runChecks(checks, bench, systemClock, (result) => told.push(result));
    expect(results).toEqual([
      { name: 'bad', ok: false, detail: 'broken' },
      { name: 'good', ok: true, detail: 'seen bench' },
    ]);
    expect(told).toEqual(results);
    expect(recovered).toBe(1);
  });

  it('fails what does not end', async () => {
    const clock = new ManualClock();
    const running = runCheck({ name: 'hangs', limit: 5_000, run: () => new Promise(() => undefined) }, 0, clock);
    clock.advance(5_000);
    expect(await running).toEqual({ name: 'hangs', ok: false, detail: 'not finished after 5 s' });
  });
});

describe('eventually', () => {
  it('says what was missing to the end', async () => {
    const waiting = eventually(systemClock, 50, 'the answer', () => Promise.reject(new Error('no route')));
    await expect(waiting).rejects.toThrow('not within 50 ms: the answer (no route)');
  });
});
