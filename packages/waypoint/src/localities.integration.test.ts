import type { OutlierDetection } from '@ambit/traffic/model/cluster-limits';
import type { FailoverCriterion, LocalityPreference } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { answering, Client } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

const EAGER: Partial<OutlierDetection> = {
  consecutive5xx: 1,
  intervalMs: 100,
  baseEjectionMs: 60_000,
  maxEjectionPercent: 100,
};

/** Endpoints answer their own name; those in `broken` answer 503. */
function startAt(
  localities: Readonly<Record<string, string>>,
  options: Partial<TestServiceOptions>,
  broken: readonly string[] = [],
): TestWaypoint {
  const names = Object.keys(localities).filter((name) => name !== 'waypoint');
  return start({
    endpoints: Object.fromEntries(
      names.map((name) => [name, answering('HTTP/1.1', broken.includes(name) ? 503 : 200, name)]),
    ),
    localities,
    ...options,
  });
}

/** Who answered how often. */
function answers(bed: TestWaypoint, count: number): Record<string, number> {
  const client = new Client(bed, 'HTTP/1.1');
  const counts: Record<string, number> = {};
  for (let at = 0; at < count; at++) {
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    counts[answer.body] = (counts[answer.body] ?? 0) + 1;
  }
  return counts;
}

function failover(criteria: FailoverCriterion[] = [], regions: [string, string][] = []): LocalityPreference {
  return { kind: 'failover', criteria, regions: regions.map(([from, to]) => ({ from, to })) };
}

const PLACES = {
  waypoint: 'eu/a/s',
  'far-1': 'us/a/s',
  'region-1': 'eu/b/s',
  'zone-1': 'eu/a/t',
  'near-1': 'eu/a/s',
  'asia-1': 'ap/a/s',
};

describe('localities', () => {
  it.each<[string, LocalityPreference, string[], string[]]>([
    ['nearest endpoints get everything', failover(), [], ['near-1']],
    ['the zone takes over', failover(), ['near-1'], ['zone-1']],
    ['the region takes over', failover(), ['near-1', 'zone-1'], ['region-1']],
    ['all others take over', failover(), ['near-1', 'zone-1', 'region-1'], ['asia-1', 'far-1']],
    [
      'the region that stands in takes over',
      failover([], [['eu', 'ap']]),
      ['near-1', 'zone-1', 'region-1'],
      ['asia-1'],
    ],
    ['and behind it the rest', failover([], [['eu', 'ap']]), ['near-1', 'zone-1', 'region-1', 'asia-1'], ['far-1']],
    ['labels decide', failover([{ scope: 'region', value: 'us' }]), [], ['far-1']],
    [
      'labels of workloads decide',
      failover([{ scope: null, workloadUids: ['cluster//Pod/shop/asia-1'] }]),
      [],
      ['asia-1'],
    ],
    ['nothing decides when they are switched off', { kind: 'any' }, [], Object.keys(PLACES).slice(1).sort()],
  ])('%s', (_, localityPreference, broken, expected) => {
    const bed = startAt(PLACES, { localityPreference, outlierDetection: EAGER }, broken);
    // Each that is broken is out with its first answer.
    answers(bed, 2 * broken.length);
    expect(Object.keys(answers(bed, 60)).sort()).toEqual(expected);
  });

  it('share with the next as soon as too few of the first are in, and it with the one behind', () => {
    const places = { waypoint: 'eu/a', 'a-1': 'eu/a', 'a-2': 'eu/a', 'b-1': 'eu/b', 'c-1': 'us/c' };
    const bed = startAt(places, { localityPreference: failover(), outlierDetection: EAGER }, ['a-1']);
    while (bed.reports.length === 0) answers(bed, 1);
    const { 'a-2': near = 0, 'b-1': next = 0, ...others } = answers(bed, 400);
    expect(others).toEqual({});
    // 1 of 2, times 1.4, is 70 %.
    expect(near / (near + next)).toBeGreaterThan(0.6);
    expect(near / (near + next)).toBeLessThan(0.8);
  });

  it('get their shares, which go to the others when one is out', () => {
    const places = { waypoint: 'eu/a', 'a-1': 'eu/a', 'b-1': 'eu/b', 'c-1': 'us/c', 'd-1': 'ap/d' };
    const to = [
      { locality: 'eu/a/*', weight: 60 },
      { locality: 'eu/b', weight: 30 },
      { locality: 'us/*', weight: 10 },
    ];
    const localityPreference = { kind: 'distribute', distributions: [{ from: 'eu/*', to }] } as const;
    const bed = startAt(places, { localityPreference });
    const all = answers(bed, 600);
    expect(Object.keys(all).sort()).toEqual(['a-1', 'b-1', 'c-1']);
    expect(Math.abs((all['a-1'] ?? 0) - 360)).toBeLessThan(60);
    expect(Math.abs((all['b-1'] ?? 0) - 180)).toBeLessThan(60);
    const failing = startAt(places, { localityPreference, outlierDetection: EAGER }, ['a-1']);
    while (failing.reports.length === 0) answers(failing, 1);
    const rest = answers(failing, 400);
    expect(Object.keys(rest).sort()).toEqual(['b-1', 'c-1']);
    expect(Math.abs((rest['b-1'] ?? 0) - 300)).toBeLessThan(50);
  });

  it('are tried one after the other by retries, and no client sees a failure', () => {
    const retry = {
      ...{ retries: 3, statusCodes: [503], perTryTimeoutMs: 0, backoffBaseMs: 1 },
      ...{ conditions: [], ignorePreviousEndpoints: false, remoteLocalities: false },
    };
    const bed = startAt(PLACES, { localityPreference: failover(), outlierDetection: EAGER, action: { retry } }, [
      ...['near-1', 'zone-1', 'region-1'],
    ]);
    expect(Object.keys(answers(bed, 40)).sort()).toEqual(['asia-1', 'far-1']);
  });
});
