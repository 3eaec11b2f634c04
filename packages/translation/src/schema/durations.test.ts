import { describe, expect, it } from 'vitest';
import { gatewayDurationMs, istioDurationMs } from './durations.ts';

describe('durations', () => {
  it.each([
    ['1h30m', 5_400_000],
    ['0s', 0],
    ['0010ms', 10],
    ['1s1s1s1s', 4_000],
    ['1s1s1s1s1s', undefined],
    ['1.5s', undefined],
    ['0', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['99999h', undefined],
  ])('of the Gateway API: %s', (text, milliseconds) => {
    expect(gatewayDurationMs(text)).toBe(milliseconds);
  });

  it.each([
    ['1.5s', 1_500],
    ['1m0.5s', 60_500],
    ['0', 0],
    ['0.1s', 100],
    ['1us', 1],
    ['3600s', 3_600_000],
    ['5', undefined],
    ['soon', undefined],
    ['.5s', undefined],
    ['2000h', undefined],
  ])('of Istio: %s', (text, milliseconds) => {
    expect(istioDurationMs(text)).toBe(milliseconds);
  });
});
