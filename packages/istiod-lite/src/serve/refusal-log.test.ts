import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { describe, expect, it } from 'vitest';
import { MAX_RATE_LIMIT_KEYS, REFUSAL_LOG_MS } from '../limits.ts';
import { RefusalLog } from './refusal-log.ts';

function recorded(): { log: Logger; lines: object[] } {
  const lines: object[] = [];
  const nothing = (): void => undefined;
  const warn = (fields: object | string): void => {
    lines.push(typeof fields === 'string' ? { fields } : fields);
  };
  return { log: { debug: nothing, info: nothing, warn, error: nothing, fatal: nothing }, lines };
}

describe('the log of refusals', () => {
  const refused = { code: 'AMBIT_TOKEN_REFUSED', address: '10.0.0.1', reason: 'unknown' };

  it('says once what a caller earns every second, and a minute later how often', () => {
    const { log, lines } = recorded();
    const clock = new ManualClock();
    const refusals = new RefusalLog('refused', { log, clock });
    for (let second = 0; second <= REFUSAL_LOG_MS / 1_000; second++) {
      refusals.note(refused);
      clock.advance(1_000);
    }
    expect(lines).toEqual([refused, { ...refused, repeated: 59 }]);
  });

  it('says another reason and another caller at once', () => {
    const { log, lines } = recorded();
    const refusals = new RefusalLog('refused', { log, clock: new ManualClock() });
    for (const further of [{}, { reason: 'expired' }, { address: '10.0.0.2' }])
      refusals.note({ ...refused, ...further });
    expect(lines.length).toBe(3);
  });

  it('remembers a bounded number of callers', () => {
    const { log, lines } = recorded();
    const refusals = new RefusalLog('refused', { log, clock: new ManualClock() });
    for (let caller = 0; caller <= MAX_RATE_LIMIT_KEYS; caller++)
      refusals.note({ ...refused, address: String(caller) });
    refusals.note({ ...refused, address: String(MAX_RATE_LIMIT_KEYS) });
    expect(lines.length).toBe(MAX_RATE_LIMIT_KEYS + 1);
    refusals.note({ ...refused, address: '0' });
    expect(lines.length).toBe(MAX_RATE_LIMIT_KEYS + 2);
  });
});
