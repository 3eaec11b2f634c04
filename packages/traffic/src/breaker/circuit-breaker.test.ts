import { describe, expect, it } from 'vitest';
import { allocateClusterMemory } from '../cluster-state/cluster-memory.ts';
import { threadEnded } from '../cluster-state/thread-ended.ts';
import type { CircuitBreaker as Policy } from '../model/cluster-limits.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

const POLICY: Policy = { failurePercent: 10, windowMs: 10_000, minimumRequests: 20, openMs: 1_000 };

/** The breaker of a cluster as so many data threads have it. */
function breakers(policy: Partial<Policy> = {}, threads = 1) {
  const memory = allocateClusterMemory(threads, false);
  const time = { now: 5_000_000 };
  const each = Array.from(
    { length: threads },
    (_, thread) => new CircuitBreaker(memory, thread, { ...POLICY, ...policy }, () => time.now),
  );
  return { memory, time, each, first: each[0] as CircuitBreaker };
}

function tries(breaker: CircuitBreaker, well: number, failed: number): void {
  for (let at = 0; at < well + failed; at++) breaker.tried(breaker.admit(), at >= well);
}

describe('a circuit breaker', () => {
  it.each([
    ['opens at its share', POLICY, 18, 2, 'open'],
    ['stays closed below it', POLICY, 19, 1, 'closed'],
    ['stays closed with too few requests to tell', POLICY, 0, 19, 'closed'],
    ['opens when all fail', { ...POLICY, failurePercent: 100 }, 0, 20, 'open'],
    ['stays closed when one of many succeeds, at 100 %', { ...POLICY, failurePercent: 100 }, 1, 40, 'closed'],
  ] as const)('%s', (_, policy, well, failed, state) => {
    const { first } = breakers(policy);
    tries(first, well, failed);
    expect(first.state).toBe(state);
    expect(first.admit()).toBe(state === 'open' ? 'refused' : 'pass');
  });

  it('forgets what is older than its window', () => {
    const { first, time } = breakers();
    tries(first, 10, 1);
    time.now += POLICY.windowMs;
    tries(first, 18, 1);
    expect(first.state).toBe('closed');
    tries(first, 0, 1);
    expect(first.state).toBe('open');
  });

  it('tells once that it opens, and once that it closes', () => {
    const { first, time } = breakers();
    const changes = Array.from({ length: 30 }, () => first.tried('pass', true));
    expect(changes.filter(Boolean)).toHaveLength(1);
    time.now += POLICY.openMs;
    expect(first.tried(first.admit(), false)).toBe(true);
    expect(first.state).toBe('closed');
  });

  it('lets one through after its time, on all threads together, and closes when that succeeds', () => {
    const { each, time } = breakers({}, 4);
    for (const breaker of each) tries(breaker, 0, 5);
    expect(each.map((breaker) => breaker.admit())).toEqual(['refused', 'refused', 'refused', 'refused']);
    time.now += POLICY.openMs;
    expect(each.map((breaker) => breaker.admit())).toEqual(['probe', 'refused', 'refused', 'refused']);
    expect(each[3]?.state).toBe('half-open');
    each[0]?.tried('probe', false);
    expect(each.map((breaker) => breaker.admit())).toEqual(['pass', 'pass', 'pass', 'pass']);
    // What failed before is forgotten.
    tries(each[1] as CircuitBreaker, 0, 19);
    expect(each[2]?.state).toBe('closed');
  });

  it('stays open for as long again when the one fails', () => {
    const { first, time } = breakers();
    tries(first, 0, 20);
    time.now += POLICY.openMs;
    first.tried(first.admit(), true);
    time.now += POLICY.openMs - 1;
    expect([first.state, first.admit()]).toEqual(['open', 'refused']);
    time.now += 1;
    expect(first.admit()).toBe('probe');
  });

  it('lets another through when the one does not end', () => {
    const { first, time } = breakers();
    tries(first, 0, 20);
    time.now += POLICY.openMs;
    expect([first.admit(), first.admit()]).toEqual(['probe', 'refused']);
    time.now += POLICY.openMs;
    expect([first.admit(), first.admit()]).toEqual(['probe', 'refused']);
  });

  it('does not mind what began before it opened', () => {
    const { first } = breakers();
    tries(first, 0, 20);
    for (let at = 0; at < 100; at++) expect(first.tried('pass', false)).toBe(false);
    expect(first.state).toBe('open');
  });

  it('goes on when a thread ended in the middle of a change', () => {
    const { memory, each, time } = breakers({}, 2);
    tries(each[1] as CircuitBreaker, 0, 20);
    Atomics.add(new Int32Array(memory.counts), 1, 1);
    time.now += POLICY.openMs;
    expect(each[1]?.admit()).toBe('refused');
    threadEnded(memory, 0);
    expect(each[1]?.admit()).toBe('probe');
    expect(CircuitBreaker.stateIn(memory)).toEqual({ state: 'half-open', opened: 1 });
  });
});
