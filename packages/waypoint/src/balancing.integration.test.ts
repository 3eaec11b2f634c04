import type { LoadBalancing, Warmup } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const named = answering('HTTP/2', 200, ({ endpoint }) => endpoint);
const THREE = { 'cart-1': named, 'cart-2': named, 'cart-3': named };

/** How many of so many requests on one connection each endpoint has answered. */
function counts(bed: TestWaypoint, requests: number, fields: (index: number) => Record<string, string> = () => ({})) {
  const client = new Client(bed, 'HTTP/2');
  const result: Record<string, number> = {};
  for (let index = 0; index < requests; index++) {
    const answer: Answer = client.send(fields(index));
    bed.loop.until(() => answer.settled);
    result[answer.body] = (result[answer.body] ?? 0) + 1;
  }
  return result;
}

/** The controller says whether the pod of an endpoint is ready. */
function tellReady(bed: TestWaypoint, name: string, healthy: boolean): void {
  const known = bed.thread.store.workloads.byUid(bed.endpoint(name).uid)?.model;
  if (known === undefined) throw new Error(`no workload ${name}`);
  bed.tellWorkloads({ ...known, healthy });
}

describe('requests of one HTTP/2 connection', () => {
  it.each<[LoadBalancing, number, number]>([
    ['round-robin', 30, 30],
    ['random', 10, 55],
    ['least-request', 10, 55],
  ])('are spread by %s over all endpoints', (loadBalancing, least, most) => {
    const bed = start({ protocol: 'http2', endpoints: THREE, loadBalancing });
    const answered = counts(bed, 90);
    expect(Object.keys(answered).sort()).toEqual(Object.keys(THREE));
    for (const count of Object.values(answered)) {
      expect(count).toBeGreaterThanOrEqual(least);
      expect(count).toBeLessThanOrEqual(most);
    }
  });

  it.each<[LoadBalancing, boolean]>([
    ['least-request', false],
    ['round-robin', true],
  ])('with %s go to a busy one: %s', (loadBalancing, goes) => {
    const seen: string[] = [];
    const silent = application('HTTP/2', { onRequest: ({ endpoint }) => seen.push(endpoint) });
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': silent, 'cart-2': named }, loadBalancing });
    const client = new Client(bed, 'HTTP/2');
    for (let index = 0; index < 20; index++) {
      const answer = client.send({});
      const before = seen.length;
      bed.loop.until(() => answer.settled || seen.length > before);
    }
    expect(seen.length > 1).toBe(goes);
  });
});

describe('an endpoint that becomes ready', () => {
  const SLOW: Warmup = { durationMs: 60_000, minimumPercent: 2, aggression: 1 };

  it.each<[string, LoadBalancing, Warmup | null, boolean]>([
    ['gets its share at once', 'least-request', null, true],
    ['gets little at first', 'least-request', SLOW, false],
    ['gets little at first in turns', 'round-robin', SLOW, false],
    ['gets as much as it should from the first', 'round-robin', { ...SLOW, minimumPercent: 100 }, true],
  ])('%s', (_, loadBalancing, warmup, whole) => {
    const bed = start({ protocol: 'http2', endpoints: THREE, loadBalancing, warmup });
    tellReady(bed, 'cart-3', false);
    expect(counts(bed, 30)['cart-3']).toBeUndefined();
    tellReady(bed, 'cart-3', true);
    expect((counts(bed, 120)['cart-3'] ?? 0) > 15).toBe(whole);
  });

  it('gets its share when it is warm', () => {
    const warmup = { durationMs: 300, minimumPercent: 1, aggression: 1 };
    const bed = start({ protocol: 'http2', endpoints: THREE, loadBalancing: 'round-robin', warmup });
    tellReady(bed, 'cart-3', false);
    counts(bed, 3);
    tellReady(bed, 'cart-3', true);
    counts(bed, 1);
    bed.loop.pass(350);
    expect(counts(bed, 30)['cart-3']).toBe(10);
  });

  it('takes the keys that were its own, and few others move meanwhile', () => {
    const consistentHash = {
      key: { kind: 'header', name: 'x-user' },
      table: { kind: 'maglev', size: 65_537 },
    } as const;
    const bed = start({ protocol: 'http2', endpoints: THREE, consistentHash });
    const owners = (): string[] =>
      Array.from(
        { length: 40 },
        (_, user) => Object.keys(counts(bed, 1, () => ({ 'x-user': `user-${user}` })))[0] ?? '',
      );
    const before = owners();
    tellReady(bed, 'cart-3', false);
    const without = owners();
    expect(without).not.toContain('cart-3');
    const moved = before.filter((owner, index) => owner !== 'cart-3' && without[index] !== owner);
    expect(moved.length).toBeLessThan(8);
    tellReady(bed, 'cart-3', true);
    counts(bed, 1);
    bed.loop.pass(100);
    expect(owners()).toEqual(before);
  });
});
