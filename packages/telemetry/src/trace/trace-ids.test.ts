import { randomFillSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { TRACE_ENTROPY_BYTES } from '../limits.ts';
import { TraceIds } from './trace-ids.ts';

it('makes other ids each time, however many are made', () => {
  const ids = new TraceIds((bytes) => randomFillSync(bytes));
  const seen = new Set<string>();
  for (let count = 0; count < TRACE_ENTROPY_BYTES; count += 1) {
    const [trace, span] = [ids.trace(), ids.span()];
    expect(trace).toMatch(/^[0-9a-f]{32}$/);
    expect(span).toMatch(/^[0-9a-f]{16}$/);
    seen.add(trace).add(span);
  }
  expect(seen.size).toBe(2 * TRACE_ENTROPY_BYTES);
});

it('makes no id of zeros alone, whatever is drawn', () => {
  const ids = new TraceIds((bytes) => bytes.fill(0));
  for (let count = 0; count < TRACE_ENTROPY_BYTES; count += 1) {
    expect(ids.trace()).not.toMatch(/^0+$/);
    expect(ids.span()).not.toMatch(/^0+$/);
  }
});
