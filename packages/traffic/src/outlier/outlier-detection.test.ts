import { describe, expect, it } from 'vitest';
import { allocateClusterMemory } from '../cluster-state/cluster-memory.ts';
import { threadEnded } from '../cluster-state/thread-ended.ts';
import { WATCHED_ENDPOINTS } from '../limits.ts';
import type { OutlierDetection as Policy } from '../model/cluster-limits.ts';
import { type EjectionResult, OutlierDetection } from './outlier-detection.ts';

const POLICY: Policy = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  splitLocalOrigin: false,
  consecutiveLocalOrigin: 5,
  intervalMs: 1_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
};

/** Outlier detection of one cluster, as so many data threads have it, of endpoints a, b… */
function detections(policy: Partial<Policy>, { endpoints = 1, threads = 1 } = {}) {
  const memory = allocateClusterMemory(threads, true);
  const time = { now: 1_000_000 };
  const each = Array.from({ length: threads }, (_, thread) => {
    if (memory.endpoints === undefined) throw new Error('no memory');
    const outliers = new OutlierDetection(memory.endpoints, thread, { ...POLICY, ...policy }, () => time.now);
    for (let at = 0; at < endpoints; at++) outliers.watch(nameOf(at));
    return outliers;
  });
  return { memory, time, each, first: each[0] as OutlierDetection };
}

function nameOf(at: number): string {
  return String.fromCharCode('a'.charCodeAt(0) + at);
}

/** What an endpoint does: a status, or none (503: not reached or reset, 504: late). */
type Deed = number | 'late' | 'unreached';

function does(outliers: OutlierDetection, deeds: readonly Deed[], uid = 'a'): EjectionResult {
  let result: EjectionResult;
  for (const deed of deeds) {
    result =
      typeof deed === 'number' ? outliers.answered(uid, deed) : outliers.unanswered(uid, deed === 'late' ? 504 : 503);
  }
  return result;
}

const times = (count: number, deed: Deed): Deed[] => Array.from({ length: count }, () => deed);

describe('an endpoint is out', () => {
  const OFF = { consecutive5xx: 0 };
  it.each<[string, Partial<Policy>, Deed[], string | undefined]>([
    ['after so many answers of 5xx in a row', {}, times(5, 500), 'consecutive_5xx'],
    ['not one sooner', {}, times(4, 500), undefined],
    ['not when another answer came between', {}, [...times(4, 500), 200, ...times(4, 500)], undefined],
    ['not for answers of 4xx', {}, times(50, 429), undefined],
    ['after as many as it says', { consecutive5xx: 1 }, [501], 'consecutive_5xx'],
    ['never, when it says 0', OFF, times(50, 500), undefined],
    ['when it is not reached, as for 503', {}, times(5, 'unreached'), 'consecutive_5xx'],
    ['when it answers too late, as for 504', {}, times(5, 'late'), 'consecutive_5xx'],
    ['for gateway errors', { ...OFF, consecutiveGatewayErrors: 3 }, [502, 503, 504], 'consecutive_gateway_errors'],
    [
      'for gateway errors of its own',
      { ...OFF, consecutiveGatewayErrors: 3 },
      ['unreached', 'late', 502],
      'consecutive_gateway_errors',
    ],
    ['not for other errors, which end the row', { ...OFF, consecutiveGatewayErrors: 2 }, [502, 500, 502], undefined],
    ['by whichever comes first', { consecutiveGatewayErrors: 2 }, [503, 503], 'consecutive_gateway_errors'],
    [
      'for no answer alone, when that is split off',
      { splitLocalOrigin: true, consecutiveLocalOrigin: 2 },
      times(2, 'unreached'),
      'consecutive_local_origin_failures',
    ],
    [
      'for answers too late, split off',
      { splitLocalOrigin: true, consecutiveLocalOrigin: 2 },
      times(2, 'late'),
      'consecutive_local_origin_failures',
    ],
    [
      'not for no answer as for 5xx, when split off',
      { splitLocalOrigin: true, consecutiveLocalOrigin: 0 },
      times(50, 'unreached'),
      undefined,
    ],
    [
      'not when an answer came between, even of 5xx',
      { ...OFF, splitLocalOrigin: true, consecutiveLocalOrigin: 2 },
      ['unreached', 500, 'unreached'],
      undefined,
    ],
    [
      'for 5xx between no answers, when split off',
      { consecutive5xx: 2, splitLocalOrigin: true, consecutiveLocalOrigin: 9 },
      [500, 'unreached', 500],
      'consecutive_5xx',
    ],
  ])('%s', (_, policy, deeds, cause) => {
    const { first } = detections(policy);
    const result = does(first, deeds);
    expect(result).toEqual(cause === undefined ? undefined : expect.objectContaining({ uid: 'a', cause }));
    expect([first.isOut('a'), first.anyOut]).toEqual([cause !== undefined, cause !== undefined]);
  });
});

describe('an endpoint that is out', () => {
  it('is in again at the first interval after its time', () => {
    const { first, time } = detections({ intervalMs: 10_000 });
    time.now += 1;
    does(first, times(5, 500));
    time.now = 1_039_999;
    expect(first.isOut('a')).toBe(true);
    time.now = 1_040_000;
    expect([first.isOut('a'), first.anyOut]).toEqual([false, false]);
  });

  it('stays out longer each time, and less long after quiet intervals', () => {
    const { first, time } = detections({});
    const durations = (): number => {
      const result = does(first, times(5, 500));
      if (result === undefined || result === 'too-many') throw new Error('not out');
      time.now += result.durationMs;
      return result.durationMs;
    };
    expect([durations(), durations(), durations()]).toEqual([30_000, 60_000, 90_000]);
    time.now += 2_000;
    expect(durations()).toBe(60_000);
    time.now += 100_000;
    expect(durations()).toBe(30_000);
  });

  it.each([
    ['five minutes', 30_000, 300_000],
    ['its first time, where that is longer', 400_000, 400_000],
  ])('stays out no longer than %s', (_, baseEjectionMs, longest) => {
    const { first, time } = detections({ baseEjectionMs });
    let last = 0;
    for (let at = 0; at < 15; at++) {
      const result = does(first, times(5, 500));
      if (result === undefined || result === 'too-many') throw new Error('not out');
      last = result.durationMs;
      time.now += last;
    }
    expect(last).toBe(longest);
  });

  it('is not put out again for what was under way', () => {
    const { first } = detections({});
    does(first, times(5, 500));
    expect(does(first, times(20, 500))).toBeUndefined();
  });

  it('is out on all threads, counted over all of them', () => {
    const { each } = detections({}, { threads: 4 });
    const results = [0, 1, 2, 3, 0].map((thread) => each[thread]?.answered('a', 503));
    expect(results.map((result) => result !== undefined)).toEqual([false, false, false, false, true]);
    expect(each.map((outliers) => outliers.isOut('a'))).toEqual([true, true, true, true]);
  });

  it('is not forgotten by others when a thread ends, and is when nobody has it', () => {
    const { each, memory, first } = detections({}, { threads: 2 });
    does(first, times(5, 500));
    threadEnded(memory, 0);
    expect(each[1]?.isOut('a')).toBe(true);
    each[1]?.forget('a');
    each[1]?.watch('a');
    expect(each[1]?.isOut('a')).toBe(false);
  });

  it('does not hold up a lock that a dead thread had', () => {
    const { memory, each } = detections({}, { threads: 2 });
    if (memory.endpoints === undefined) throw new Error('no memory');
    new Int32Array(memory.endpoints)[0] = 1;
    threadEnded(memory, 0);
    expect(does(each[1] as OutlierDetection, times(5, 500))).toMatchObject({ uid: 'a' });
  });
});

describe('of the endpoints of a cluster', () => {
  it.each([
    [10, 10, 1],
    [9, 10, 0],
    [10, 35, 3],
    [2, 50, 1],
    [4, 100, 4],
    [4, 0, 0],
  ])('of %i, with maxEjectionPercent %i, %i are out', (endpoints, maxEjectionPercent, expected) => {
    const { first } = detections({ maxEjectionPercent }, { endpoints });
    const results = Array.from({ length: endpoints }, (_, at) => does(first, times(5, 500), nameOf(at)));
    expect(results.filter((result) => typeof result === 'object')).toHaveLength(expected);
    expect(results.filter((result) => result === 'too-many')).toHaveLength(endpoints - expected);
  });

  it('more than can be watched are never out', () => {
    const { first } = detections({}, { endpoints: 0 });
    for (let at = 0; at <= WATCHED_ENDPOINTS; at++) first.watch(`pod-${at}`);
    expect(does(first, times(5, 500), `pod-${WATCHED_ENDPOINTS}`)).toBeUndefined();
    first.forget('pod-7');
    first.watch('late');
    expect(does(first, times(5, 500), 'late')).toMatchObject({ uid: 'late' });
  });
});
