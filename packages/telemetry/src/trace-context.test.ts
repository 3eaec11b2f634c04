import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TRACE_ENTROPY_BYTES } from './limits.ts';
import { TraceContexts, traceIdOf } from './trace-context.ts';

describe('trace contexts', () => {
  it('are valid and differ, however many are made', () => {
    const contexts = new TraceContexts((bytes) => randomFillSync(bytes));
    const seen = new Set<string>();
    for (let count = 0; count < TRACE_ENTROPY_BYTES; count++) {
      const header = contexts.next();
      const traceId = header.slice(3, 35);
      expect(traceIdOf(header)).toBe(traceId);
      seen.add(traceId).add(header.slice(36, 52));
    }
    expect(seen.size).toBe(TRACE_ENTROPY_BYTES * 2);
  });

  it('are valid also when randomness gives zeros', () => {
    const header = new TraceContexts((bytes) => bytes.fill(0)).next();
    expect(traceIdOf(header)).toBe(header.slice(3, 35));
  });
});

describe('traceIdOf', () => {
  const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it('reads this version, and later ones with more fields', () => {
    expect(traceIdOf(good)).toBe(good.slice(3, 35));
    expect(traceIdOf(`cc${good.slice(2)}-what`)).toBe(good.slice(3, 35));
  });

  it.each([
    '',
    good.slice(1),
    `${good}-what`,
    `${good}x`,
    `cc${good.slice(2)}x`,
    `ff${good.slice(2)}`,
    good.toUpperCase(),
    good.replace('b', 'g'),
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
  ])('refuses %j', (header) => {
    expect(traceIdOf(header)).toBeUndefined();
  });

  it('survives anything', () => {
    fc.assert(fc.property(fc.string(), (header) => void traceIdOf(header)));
  });
});
