import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, respond, type Seen } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const SOON = { REBALANCE_DELAY: '20ms', REBALANCE_DURATION: '200ms' };
/** Long after the last one would have been asked. */
const OVER = 700;
const METRIC = 'ambit_rebalanced_connections_total';

type Version = 'HTTP/1.1' | 'HTTP/2';

function startWith(environment: Readonly<Record<string, string>> = {}, version: Version = 'HTTP/2'): TestWaypoint {
  return start({
    protocol: version === 'HTTP/2' ? 'http2' : 'http1',
    endpoints: { 'cart-1': answering(version, 200, 'hello') },
    environment: { ...SOON, WAYPOINT_WORKER_THREADS: '1', ...environment },
  });
}

function clients(bed: TestWaypoint, count: number, version: Version = 'HTTP/2'): Client[] {
  const all = Array.from({ length: count }, () => new Client(bed, version));
  expect(all.map((client) => ask(bed, client).status)).toEqual(all.map(() => 200));
  return all;
}

function ask(bed: TestWaypoint, client: Client): Answer {
  const answer = client.send({});
  bed.loop.until(() => answer.settled);
  return answer;
}

function leaving(all: readonly Client[]): number {
  return all.filter(({ http, over }) => over || http.retired).length;
}

describe('when the Gateway gets more pods, clients that keep their connections', () => {
  it.each([
    [1, 2, 12, 6],
    [1, 3, 12, 8],
    [2, 3, 12, 4],
    [3, 3, 12, 0],
    [3, 2, 12, 0],
  ])('are asked to come again, of %i to %i pods: of %i of them %i', (before, after, count, asked) => {
    const bed = startWith();
    bed.scaleTo(before);
    const all = clients(bed, count);
    bed.scaleTo(after);
    bed.loop.until(() => leaving(all) >= asked);
    bed.loop.pass(OVER);
    expect(leaving(all)).toBe(asked);
    expect(bed.count(METRIC)).toBe(asked);
  });

  it('are asked the oldest first, and those that came later are not', () => {
    const bed = startWith();
    bed.scaleTo(1);
    const old = clients(bed, 4);
    bed.scaleTo(2);
    const young = clients(bed, 4);
    bed.loop.until(() => leaving(old) === 4);
    bed.loop.pass(OVER);
    // All came back here: others are asked in their place, but none twice.
    expect([leaving(old), leaving(young)]).toEqual([4, 0]);
  });

  it('of HTTP/1.1 are told by the answer to their next request', () => {
    const bed = startWith({}, 'HTTP/1.1');
    bed.scaleTo(1);
    const all = clients(bed, 4, 'HTTP/1.1');
    bed.scaleTo(2);
    bed.loop.pass(OVER);
    expect(leaving(all)).toBe(0);
    const answers = all.map((client) => ask(bed, client));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    bed.loop.until(() => leaving(all) === 2);
  });

  it('lose no request that is under way', () => {
    const seen: Seen[] = [];
    const slow = application('HTTP/2', { onComplete: (one) => seen.push(one) });
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': slow },
      environment: { ...SOON, WAYPOINT_WORKER_THREADS: '1' },
    });
    bed.scaleTo(1);
    const all = Array.from({ length: 6 }, () => new Client(bed, 'HTTP/2'));
    const answers = all.map((client) => client.send({}));
    bed.loop.until(() => seen.length === 6);
    bed.scaleTo(3);
    bed.loop.until(() => leaving(all) === 4);
    bed.loop.pass(100);
    expect(answers.some((answer) => answer.settled)).toBe(false);
    for (const one of seen) respond(one, 200, 'late');
    bed.loop.until(() => answers.every((answer) => answer.settled));
    expect(answers.map(({ body }) => body)).toEqual(answers.map(() => 'late'));
    bed.loop.until(() => all.filter(({ over }) => over).length === 4);
  });

  it('are asked no faster than is allowed, and not at all when that is none', () => {
    const bed = startWith({ REBALANCED_CONNECTIONS_PER_SECOND: '2' });
    const none = startWith({ REBALANCED_CONNECTIONS_PER_SECOND: '0' });
    for (const one of [bed, none]) one.scaleTo(1);
    const all = clients(bed, 12);
    const left = clients(none, 12);
    for (const one of [bed, none]) one.scaleTo(3);
    bed.loop.pass(OVER);
    none.loop.pass(OVER);
    expect(leaving(all)).toBeGreaterThan(0);
    expect(leaving(all)).toBeLessThan(5);
    expect(leaving(left)).toBe(0);
  });
});
