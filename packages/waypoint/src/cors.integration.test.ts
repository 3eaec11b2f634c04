import type { Cors } from '@ambit/traffic/model/route-filters';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, Client } from './test-application.ts';
import { start } from './test-start.ts';
import { clusterName } from './test-models.ts';
import type { TestWaypoint } from './test-waypoint.ts';

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  expect(answer.reset).toBeUndefined();
  return answer;
}

const ORIGIN = 'https://shop.example';
const OTHER = 'https://other.example';

const CORS: Cors = {
  allowOrigins: [{ kind: 'exact', text: ORIGIN, ignoreCase: false }],
  allowMethods: ['GET', 'PUT'],
  allowHeaders: ['x-a'],
  exposeHeaders: ['x-e'],
  maxAgeSeconds: 600,
  allowCredentials: true,
  forwardUnmatchedPreflights: true,
};

const FORWARD = { kind: 'forward', destinations: [{ cluster: clusterName() }] } as const;

const preflight = (origin: string) => ({
  ':method': 'OPTIONS',
  origin,
  'access-control-request-method': 'PUT',
  'access-control-request-headers': 'x-a',
});

/** The fields that concern other origins. */
function permissions(answer: Answer): Record<string, string> {
  const told: Record<string, string> = {};
  const head = answer.head ?? [];
  for (let at = 0; at + 1 < head.length; at += 2) {
    const name = head[at] ?? '';
    if (name === 'vary' || name.startsWith('access-control-')) told[name] = head[at + 1] ?? '';
  }
  return told;
}

const PREFLIGHT = {
  'access-control-allow-origin': ORIGIN,
  'access-control-allow-credentials': 'true',
  'access-control-allow-methods': 'GET,PUT',
  'access-control-allow-headers': 'x-a',
  'access-control-max-age': '600',
  'access-control-expose-headers': 'x-e',
  vary: 'origin',
};
const PERMITTED = {
  'access-control-allow-origin': ORIGIN,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'x-e',
  vary: 'origin',
};

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('CORS for %s clients', (version) => {
  it('answers a preflight request without a backend', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 200, 'hello') },
      routes: [{ cors: CORS, action: FORWARD }],
    });
    const client = new Client(bed, version);
    for (let count = 0; count < 2; count++) {
      const answer = settled(bed, client.send(preflight(ORIGIN)));
      expect([answer.status, answer.bytes, permissions(answer)]).toEqual([200, 0, PREFLIGHT]);
    }
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
    expect(bed.lines().join('\n')).toContain(' 200 - cors_response ');
  });

  it('permits the answer of a backend to its origin, in place of what the backend says', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 201, 'hello', ['access-control-allow-origin', '*', 'x-e', '1']) },
      routes: [{ cors: CORS, action: FORWARD }],
    });
    const answer = settled(bed, new Client(bed, version).send({ ':method': 'PUT', origin: ORIGIN }, 'body'));
    expect([answer.status, answer.body, answer.field('x-e'), permissions(answer)]).toEqual([
      201,
      'hello',
      '1',
      PERMITTED,
    ]);
  });

  it('leaves another origin, and requests without one, to the backend', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 200, 'hello') },
      routes: [{ cors: CORS, action: FORWARD }],
    });
    const client = new Client(bed, version);
    for (const fields of [preflight(OTHER), { origin: OTHER }, {}, { ':method': 'OPTIONS', origin: OTHER }]) {
      const answer = settled(bed, client.send(fields));
      expect([answer.body, permissions(answer)]).toEqual(['hello', { vary: 'origin' }]);
    }
  });

  it('answers preflight requests of other origins without permission when it is told to', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 200, 'hello') },
      routes: [{ cors: { ...CORS, forwardUnmatchedPreflights: false }, action: FORWARD }],
    });
    const client = new Client(bed, version);
    const answer = settled(bed, client.send(preflight(OTHER)));
    expect([answer.status, answer.bytes, permissions(answer)]).toEqual([200, 0, { vary: 'origin' }]);
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
    expect(settled(bed, client.send({ origin: OTHER })).body).toBe('hello');
  });

  it('permits the answers of the route itself, so that a page sees why it failed', () => {
    const bed = start({
      endpoints: {
        'cart-1': (tunnel) => {
          tunnel.refuse(503, []);
        },
      },
      routes: [{ cors: CORS, action: FORWARD }],
    });
    const answer = settled(bed, new Client(bed, version).send({ origin: ORIGIN }));
    expect([answer.status, permissions(answer)]).toEqual([503, PERMITTED]);
  });
});

describe('CORS', () => {
  it('comes behind faults: what is aborted has no permission', () => {
    const bed = start({
      endpoints: {},
      routes: [
        {
          cors: CORS,
          fault: { delay: null, abort: { kind: 'http', status: 503, perMillion: 1_000_000 } },
          action: FORWARD,
        },
      ],
    });
    const answer = settled(bed, new Client(bed, 'HTTP/1.1').send(preflight(ORIGIN)));
    expect([answer.status, permissions(answer)]).toEqual([503, {}]);
  });

  it('has the last word over header changes', () => {
    const set = [{ name: 'access-control-allow-origin', value: '*' }];
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      routes: [{ cors: CORS, responseHeaders: { remove: [], set, add: [] }, action: FORWARD }],
    });
    const client = new Client(bed, 'HTTP/1.1');
    expect(permissions(settled(bed, client.send({ origin: ORIGIN })))).toEqual(PERMITTED);
    expect(permissions(settled(bed, client.send({ origin: OTHER })))['access-control-allow-origin']).toBe('*');
  });

  it('holds for redirects', () => {
    const bed = start({ endpoints: {}, routes: [{ cors: CORS, action: { kind: 'redirect', hostname: 'o.example' } }] });
    const client = new Client(bed, 'HTTP/1.1');
    const redirected = settled(bed, client.send({ origin: ORIGIN }));
    expect([redirected.status, permissions(redirected)]).toEqual([302, PERMITTED]);
    expect(settled(bed, client.send(preflight(ORIGIN))).status).toBe(200);
  });
});
