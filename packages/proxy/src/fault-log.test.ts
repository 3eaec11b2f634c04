import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { expect, it } from 'vitest';
import { FaultLog } from './fault-log.ts';
import { FAULT_LOG_INTERVAL } from './limits.ts';

it('a fault that comes with every connection does not fill the log, and none is forgotten', () => {
  const clock = new ManualClock();
  const lines: unknown[] = [];
  const log = new FaultLog({ error: (fields: unknown) => lines.push(fields) } as unknown as Logger, clock);
  for (let count = 1; count <= 1_000; count += 1) log.report(0, `AMBIT_SYSCALL: accept4, number ${count}`);
  log.report(1, 'AMBIT_LOOP: another');
  expect(lines).toEqual([
    { thread: 0, error: 'AMBIT_SYSCALL: accept4, number 1' },
    { thread: 1, error: 'AMBIT_LOOP: another' },
  ]);
  clock.advance(FAULT_LOG_INTERVAL);
  expect(lines.slice(2)).toEqual([{ thread: 0, error: 'AMBIT_SYSCALL: accept4, number 1000', count: 999 }]);
  clock.advance(10 * FAULT_LOG_INTERVAL);
  log.report(0, 'AMBIT_SYSCALL: later');
  expect(lines.slice(3)).toEqual([{ thread: 0, error: 'AMBIT_SYSCALL: later' }]);
});
