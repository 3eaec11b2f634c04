import { expect, it } from 'vitest';
import { L4_MEASURES } from '../l4/measures.ts';
import { observationsOf } from './rounds.ts';
import { refusal } from './windows.ts';

it('counts latency as what is added to the same round without proxies', () => {
  const observations = observationsOf(
    L4_MEASURES,
    new Map([
      ['direct', { p50_c1: 50, rps_max: 200_000 }],
      ['ambit', { p50_c1: 73, rps_max: 91_000 }],
    ]),
  );
  expect(observations).toEqual([
    { measure: 'rps_max', subject: 'direct', value: 200_000 },
    { measure: 'p50_c1', subject: 'ambit', value: 23 },
    { measure: 'rps_max', subject: 'ambit', value: 91_000 },
  ]);
});

it('reports no added latency without a baseline', () => {
  expect(observationsOf(L4_MEASURES, new Map([['ambit', { p50_c1: 73 }]]))).toEqual([]);
});

it('refuses a window that missed its rate, had errors or did nothing', () => {
  const report = { seconds: 2, done: 6400, total: 8000, errors: 0, rate: 3200, cpu: [], machineCpu: 0 };
  expect(refusal(report)).toBeUndefined();
  expect(refusal({ ...report, done: 6300 })).toBe('3150 instead of 3200 requests per second');
  expect(refusal({ ...report, errors: 1 })).toBe('1 errors');
  expect(refusal({ seconds: 2, done: 0, total: 0, errors: 0, cpu: [], machineCpu: 0 })).toBe('nothing was done');
});
