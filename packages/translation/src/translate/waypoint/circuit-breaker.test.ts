import { describe, expect, it } from 'vitest';
import { circuitBreakerOf } from './circuit-breaker.ts';

function read(annotation: string) {
  return circuitBreakerOf({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'cart', namespace: 'shop', annotations: { 'ambit.io/circuit-breaker': annotation } },
    spec: { host: 'cart' },
  });
}

describe('the annotation of a circuit breaker', () => {
  it.each([
    ['failures=10%', 10, 10_000n, 20, 1_000n],
    ['failures=100%,window=10ms,minimum=1,open=1h', 100, 10n, 1, 3_600_000n],
    ['  open=1m30s , failures=1% ', 1, 10_000n, 20, 90_000n],
  ] as const)('%s', (text, failurePercent, windowMs, minimumRequests, openMs) => {
    expect(read(text)).toEqual({ failurePercent, windowMs, minimumRequests, openMs });
  });

  it.each([
    ['', 'is not understood'],
    ['10%', 'is not understood'],
    ['failures=10', 'is not understood'],
    ['failures=0%', 'is not understood'],
    ['failures=101%', 'is not understood'],
    ['failures=2.5%', 'is not understood'],
    ['failures=10%,', 'is not understood'],
    ['failures=10%, minimum=0', 'is not understood'],
    ['failures=10%, window=1', 'is not understood'],
    ['failures=10%, open=9ms', 'is not understood'],
    ['failures=10%, open=61m', 'is not understood'],
    ['failures=10%, toString=1', 'is not understood'],
    ['failures=10%, failures=20%', 'failures occurs twice'],
    ['window=10s', 'which share'],
  ])('%j is none', (text, why) => {
    expect(read(text)).toEqual({ problem: expect.stringContaining(why) as string });
  });
});
