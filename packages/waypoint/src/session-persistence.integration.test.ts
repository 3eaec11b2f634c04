import type { RetryPolicy, SessionPersistence } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, respond } from './test-application.ts';
import { clusterName, serviceModel } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

const COOKIE: SessionPersistence = {
  kind: 'cookie',
  name: 'cart',
  path: '/',
  permanent: false,
  absoluteTimeoutS: 0,
  idleTimeoutS: 0,
};

const named = answering('HTTP/1.1', 200, ({ endpoint }) => endpoint);
const NAMES = ['cart-1', 'cart-2', 'cart-3', 'cart-4', 'cart-5'];
const FIVE = Object.fromEntries(NAMES.map((name) => [name, named]));

function begin(session: Partial<SessionPersistence> = {}, options: Partial<TestServiceOptions> = {}): TestWaypoint {
  return start({ endpoints: FIVE, ...options, action: { ...options.action, session: { ...COOKIE, ...session } } });
}

function ask(bed: TestWaypoint, fields: Readonly<Record<string, string>> = {}): Answer {
  const answer = new Client(bed, 'HTTP/1.1').send(fields);
  bed.loop.until(() => answer.settled);
  return answer;
}

/** The cookie as a client sends it back. */
function pairOf(answer: Answer): string {
  return answer.field('set-cookie')?.split(';')[0] ?? '';
}

function tokenOf(answer: Answer): string {
  return pairOf(answer).slice('cart='.length).replaceAll('"', '');
}

/** Who answers twenty requests with these fields, and whether any of them is told of a session. */
function twenty(bed: TestWaypoint, fields: Readonly<Record<string, string>>): { by: string[]; told: boolean } {
  const client = new Client(bed, 'HTTP/1.1');
  const answers = Array.from({ length: 20 }, () => {
    const answer = client.send(fields);
    bed.loop.until(() => answer.settled);
    return answer;
  });
  return {
    by: [...new Set(answers.map(({ body }) => body))],
    told: answers.some((answer) => answer.field('set-cookie') !== undefined),
  };
}

describe('a session', () => {
  it('by cookie stays with its endpoint, and its client is told once', () => {
    const bed = begin();
    const first = ask(bed);
    expect(first.field('set-cookie')).toMatch(/^cart="[0-9a-f]{16}\.[0-9a-z]+\.[0-9a-z]+"; Path=\/; HttpOnly$/);
    expect(twenty(bed, { cookie: `other=1; ${pairOf(first)}` })).toEqual({ by: [first.body], told: false });
    expect(twenty(bed, {}).by.length).toBeGreaterThan(1);
  });

  it('by header stays with its endpoint', () => {
    const bed = begin({ kind: 'header', name: 'x-cart' });
    const first = ask(bed);
    const token = first.field('x-cart') ?? '';
    expect(token).toMatch(/^[0-9a-f]{16}\./);
    expect(first.field('set-cookie')).toBeUndefined();
    expect(twenty(bed, { 'x-cart': token }).by).toEqual([first.body]);
    expect(ask(bed, { 'x-cart': token }).field('x-cart')).toBeUndefined();
  });

  it('that is permanent outlives the client, up to its absolute timeout', () => {
    const answer = ask(begin({ permanent: true, absoluteTimeoutS: 3_600 }));
    expect(answer.field('set-cookie')).toMatch(/; Max-Age=3600; Path=\/; HttpOnly$/);
  });

  /** A token of the endpoint with other times, seconds ago. */
  function aged(token: string, begun: number, seen: number): string {
    const now = Math.floor(Date.now() / 1_000);
    return `cart=${token.split('.')[0] ?? ''}.${(now - begun).toString(36)}.${(now - seen).toString(36)}`;
  }

  it.each<[string, Partial<SessionPersistence>, number, number, boolean]>([
    ['goes on before its absolute timeout', { absoluteTimeoutS: 100 }, 90, 90, true],
    ['is over at its absolute timeout', { absoluteTimeoutS: 100 }, 100, 1, false],
    ['goes on before its idle timeout', { idleTimeoutS: 100 }, 1_000, 90, true],
    ['is over at its idle timeout', { idleTimeoutS: 100 }, 1_000, 100, false],
  ])('%s', (_, session, begun, seen, goesOn) => {
    const bed = begin(session);
    const first = ask(bed);
    const { by } = twenty(bed, { cookie: aged(tokenOf(first), begun, seen) });
    expect(by.length === 1 && by[0] === first.body).toBe(goesOn);
  });

  it('with an idle timeout is told with every answer, and keeps when it began', () => {
    const bed = begin({ idleTimeoutS: 100, absoluteTimeoutS: 1_000, permanent: true });
    const first = ask(bed);
    const again = ask(bed, { cookie: aged(tokenOf(first), 400, 50) });
    expect(again.body).toBe(first.body);
    expect(Number(/Max-Age=([0-9]+)/.exec(again.field('set-cookie') ?? '')?.[1])).toBeGreaterThan(590);
    expect(Number(/Max-Age=([0-9]+)/.exec(again.field('set-cookie') ?? '')?.[1])).toBeLessThan(602);
  });

  it('goes before weights, and never to a backend of another route', () => {
    const subsets = { one: ['cart-1'], two: ['cart-2'] };
    const [one, two] = [clusterName('one'), clusterName('two')];
    const weights = (first: number, second: number): TestServiceOptions => ({
      endpoints: FIVE,
      subsets,
      action: {
        session: COOKIE,
        destinations: [
          { cluster: one, weight: first },
          { cluster: two, weight: second },
        ],
      },
    });
    const bed = start(weights(1, 0));
    const first = ask(bed);
    expect(first.body).toBe('cart-1');
    bed.serve(serviceModel(weights(0, 1)));
    expect(twenty(bed, { cookie: pairOf(first) }).by).toEqual(['cart-1']);
    expect(twenty(bed, {}).by).toEqual(['cart-2']);
    // The same endpoint by another route is another session.
    const destinations = [
      { cluster: one, weight: 0 },
      { cluster: two, weight: 1 },
    ];
    const action = { kind: 'forward', session: COOKIE, destinations } as const;
    bed.serve(serviceModel({ subsets, routes: [{ name: 'another', action }] }));
    expect(twenty(bed, { cookie: pairOf(first) }).by).toEqual(['cart-2']);
  });

  it('whose endpoint is gone begins anew', () => {
    const bed = begin();
    const first = ask(bed);
    const subsets = { rest: NAMES.filter((name) => name !== first.body) };
    bed.serve(serviceModel({ subsets, action: { session: COOKIE, destinations: [{ cluster: clusterName('rest') }] } }));
    const next = ask(bed, { cookie: pairOf(first) });
    expect(next.status).toBe(200);
    expect(next.body).not.toBe(first.body);
    expect(twenty(bed, { cookie: pairOf(next) }).by).toEqual([next.body]);
  });

  it('whose endpoint fails goes on with the one that answered', () => {
    const down = new Set<string>();
    const one = application('HTTP/1.1', {
      onComplete: (seen) => {
        respond(seen, down.has(seen.endpoint) ? 503 : 200, seen.endpoint);
      },
    });
    const retry: RetryPolicy = {
      retries: 1,
      conditions: ['5xx'],
      statusCodes: [],
      perTryTimeoutMs: 0,
      backoffBaseMs: 1,
      ignorePreviousEndpoints: false,
      remoteLocalities: false,
    };
    const bed = begin({}, { endpoints: Object.fromEntries(NAMES.map((name) => [name, one])), action: { retry } });
    const first = ask(bed);
    down.add(first.body);
    const next = ask(bed, { cookie: pairOf(first) });
    expect([next.status, next.body === first.body]).toEqual([200, false]);
    expect(tokenOf(next).split('.')[0]).not.toBe(tokenOf(first).split('.')[0]);
    expect(twenty(bed, { cookie: pairOf(next) }).by).toEqual([next.body]);
  });

  it.each([
    '""',
    'cart-1',
    '10.0.0.1:80',
    '0123456789abcdef',
    '0123456789abcdef.0.0',
    '0123456789ABCDEF.0.0',
    '__proto__.0.0',
    `${'0'.repeat(4_000)}.0.0`,
    '0123456789abcdef.0.0.0',
    '0123456789abcdef.0.\u00ff',
  ])('that a client has made up (%s) is none', (value) => {
    const bed = begin();
    const answer = ask(bed, { cookie: `cart=${value}` });
    expect(answer.status).toBe(200);
    expect(answer.field('set-cookie')).toMatch(/^cart="[0-9a-f]{16}/);
    expect(twenty(bed, { cookie: `cart=${value}` }).by.length).toBeGreaterThan(1);
  });
});
