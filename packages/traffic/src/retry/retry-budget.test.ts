import { describe, expect, it } from 'vitest';
import { allocateClusterMemory } from '../cluster-state/cluster-memory.ts';
import { RETRY_BUDGET_FLOOR, RETRY_BUDGET_WINDOW_MS } from '../limits.ts';
import { budgetOf, NO_LIMITS, type TestTime } from '../test-cluster-state.ts';
import type { RetryBudget } from './retry-budget.ts';

function taken(budget: RetryBudget): number {
  let count = 0;
  while (count < 10_000 && budget.take()) count++;
  return count;
}

function requests(budget: RetryBudget, count: number): void {
  for (let at = 0; at < count; at++) budget.requestBegan();
}

describe('without a word of the cluster', () => {
  it('a fifth of the requests of the last seconds may be retries', () => {
    const budget = budgetOf();
    requests(budget, 5_000);
    expect(taken(budget)).toBe(1_000);
  });

  it.each([
    ['at once', 1],
    ['late', 400],
    ['very late', 2_000],
  ])('when all endpoints fail %s they get at most a fifth more tries, and no burst of them', (_, takesMs) => {
    const time: TestTime = { now: 1_000_000 };
    const budget = budgetOf({}, time);
    const outage = time.now + 10_000;
    /** When retries that are under way fail. */
    const failing: number[] = [];
    const retries: number[] = [];
    for (; time.now < outage + 10_000; time.now += 2) {
      budget.requestBegan();
      while ((failing[0] ?? Number.POSITIVE_INFINITY) <= time.now) {
        failing.shift();
        budget.giveBack(true);
        if (retries.length % 2 === 1) retry();
      }
      // What began so long ago fails now, for the first time.
      if (time.now >= outage + takesMs) retry();
    }
    function retry(): void {
      if (!budget.take()) return;
      retries.push(time.now);
      failing.push(time.now + takesMs);
    }
    expect(retries.length).toBeGreaterThan(200);
    expect(retries.length).toBeLessThanOrEqual(0.2 * 5_000);
    const inSecond = retries.map((begin) => retries.filter((at) => at >= begin && at < begin + 1_000).length);
    expect(Math.max(...inSecond)).toBeLessThan(takesMs > 100 ? 550 : 200);
  });

  it('what is retried at once and in time costs nothing, however much it is', () => {
    const budget = budgetOf();
    requests(budget, 500);
    for (let burst = 0; burst < 20; burst++) {
      expect(taken(budget)).toBe(100);
      for (let at = 0; at < 100; at++) budget.giveBack(false);
    }
  });

  it('retries that helped cost nothing, so that one endpoint of three may fail', () => {
    const budget = budgetOf();
    for (let at = 0; at < 3_000; at++) {
      requests(budget, 1);
      if (at % 3 > 0) continue;
      expect(budget.take()).toBe(true);
      budget.giveBack(false);
    }
    expect(taken(budget)).toBe(600);
  });

  it('those of a window ago count no more, step by step', () => {
    const time: TestTime = { now: 5_000_000 };
    const budget = budgetOf({}, time);
    requests(budget, 5_000);
    expect(taken(budget)).toBe(1_000);
    for (let at = 0; at < 1_000; at++) budget.giveBack(true);
    time.now += RETRY_BUDGET_WINDOW_MS - RETRY_BUDGET_WINDOW_MS / 10;
    expect(taken(budget)).toBe(0);
    time.now += RETRY_BUDGET_WINDOW_MS / 10;
    expect(taken(budget)).toBe(RETRY_BUDGET_FLOOR);
  });

  it('it holds for all threads together', () => {
    const memory = allocateClusterMemory(4, false);
    const time: TestTime = { now: 1_000 };
    const budgets = [0, 1, 2, 3].map((thread) => budgetOf({}, time, memory, thread));
    for (const budget of budgets) requests(budget, 500);
    expect(budgets.map((budget) => taken(budget))).toEqual([400, 0, 0, 0]);
  });
});

describe('a cluster that says how many retries may be under way', () => {
  it.each<[string, Parameters<typeof budgetOf>[0], number, number]>([
    ['maxRetries, whatever the load', { connectionPool: { ...NO_LIMITS, maxRetries: 7 } }, 1_000, 7],
    [
      'retryBudget, a share of what is under way',
      { retryBudget: { percent: 30, minConcurrency: 3, intervalMs: 0 } },
      100,
      30,
    ],
    ['retryBudget, a few at least', { retryBudget: { percent: 30, minConcurrency: 3, intervalMs: 0 } }, 1, 3],
    ['retryBudget, none at all', { retryBudget: { percent: 0, minConcurrency: 0, intervalMs: 0 } }, 100, 0],
    [
      'retryBudget before maxRetries',
      {
        connectionPool: { ...NO_LIMITS, maxRetries: 7 },
        retryBudget: { percent: 0, minConcurrency: 2, intervalMs: 0 },
      },
      100,
      2,
    ],
  ])('%s', (_, cluster, underWay, expected) => {
    const budget = budgetOf(cluster);
    requests(budget, underWay);
    expect(taken(budget)).toBe(expected);
    budget.giveBack(true);
    expect(budget.take()).toBe(expected > 0);
  });

  it('counts what began within the interval when it says one', () => {
    const time: TestTime = { now: 1_000_000 };
    const budget = budgetOf({ retryBudget: { percent: 10, minConcurrency: 0, intervalMs: 1_000 } }, time);
    requests(budget, 100);
    for (let at = 0; at < 100; at++) budget.requestEnded();
    expect(taken(budget)).toBe(10);
    time.now += 1_000;
    expect(taken(budget)).toBe(0);
  });
});
