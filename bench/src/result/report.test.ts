import { expect, it } from 'vitest';
import { L4_MEASURES } from '../l4/measures.ts';
import { type Comparison, type Observation, summarise, table } from './report.ts';

const comparison: Comparison = { measures: L4_MEASURES, peer: 'peer' };

const observe = (measure: Observation['measure'], subject: string, ...values: number[]): Observation[] =>
  values.map((value) => ({ measure, subject, value }));

it('reports medians, spreads and the ratio to the peer', () => {
  const rows = summarise(comparison, [
    ...observe('cpu_req_max', 'ambit', 8, 6, 7),
    ...observe('cpu_req_max', 'peer', 14, 10, 12),
    ...observe('rps_max', 'direct', 200_000),
  ]);
  expect(rows).toEqual([
    {
      measure: 'cpu_req_max',
      subject: 'ambit',
      unit: 'us/request',
      median: 7,
      spread: 1,
      ratioToPeer: 7 / 12,
      values: [8, 6, 7],
    },
    {
      measure: 'cpu_req_max',
      subject: 'peer',
      unit: 'us/request',
      median: 12,
      spread: 2,
      ratioToPeer: 1,
      values: [14, 10, 12],
    },
    {
      measure: 'rps_max',
      subject: 'direct',
      unit: 'requests/s',
      median: 200_000,
      spread: 0,
      ratioToPeer: null,
      values: [200_000],
    },
  ]);
});

it('says nothing about a ratio when there is no peer', () => {
  const rows = summarise(comparison, observe('cpu_byte', 'ambit', 1.2));
  expect(rows[0]?.ratioToPeer).toBeNull();
  expect(table(comparison, rows, ['ambit'])).not.toContain('/ peer');
});

it('draws a table with a column for each subject and for each ratio', () => {
  const rows = summarise(comparison, [...observe('rps_max', 'ambit', 91_000), ...observe('rps_max', 'peer', 78_000)]);
  expect(table(comparison, rows, ['ambit', 'peer']).split('\n')).toEqual([
    '| measure | unit | ambit | peer | ambit / peer | goal |',
    '| --- | --- | --- | --- | --- | --- |',
    '| `rps_max` | requests/s | 91,000 ± 0.00 | 78,000 ± 0.00 | 1.17 | >= 1.15 |',
  ]);
});

it('says of each goal whether it is missed, and of a value that nobody was measured beside only what it should be', () => {
  const rows = summarise(comparison, [
    ...observe('cpu_conn', 'ambit', 11),
    ...observe('cpu_conn', 'peer', 10),
    ...observe('mem_idle_anon', 'ambit', 57),
  ]);
  const goals = table(comparison, rows, ['ambit', 'peer'])
    .split('\n')
    .map((line) => line.split(' | ').at(-1));
  expect(goals.slice(2)).toEqual(['<= 0.60, **missed** |', '<= 30 MiB, **missed** |']);
  const alone = summarise(comparison, observe('cpu_conn', 'ambit', 11));
  expect(table(comparison, alone, ['ambit'])).toContain('| <= 0.60 |');
});

it('shows no goals in a run without our own proxies', () => {
  const rows = summarise(comparison, observe('rps_max', 'peer', 78_000));
  expect(table(comparison, rows, ['direct', 'peer'])).not.toContain('goal');
});
