import type { ConsistentHash, HashCookie, HashKey, RetryPolicy } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, Raw, raw, respond } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { serviceModel } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

const COOKIE: HashCookie = { name: 'user', path: '', ttlS: null, attributes: [] };

const named = answering('HTTP/1.1', 200, ({ endpoint }) => endpoint);
const FIVE = { 'cart-1': named, 'cart-2': named, 'cart-3': named, 'cart-4': named, 'cart-5': named };

const FIVE_NAMES = Object.keys(FIVE);

function hashBy(key: HashKey, kind: 'maglev' | 'ring' = 'ring'): ConsistentHash {
  return { key, table: { kind, size: kind === 'ring' ? 1_024 : 1_009 } };
}

const HEADER = hashBy({ kind: 'header', name: 'x-user' });

function asks(bed: TestWaypoint, requests: readonly Readonly<Record<string, string>>[]): Answer[] {
  const client = new Client(bed, 'HTTP/1.1');
  return requests.map((fields) => {
    const answer = client.send(fields);
    bed.loop.until(() => answer.settled);
    return answer;
  });
}

function ask(bed: TestWaypoint, fields: Readonly<Record<string, string>>): Answer {
  const [answer] = asks(bed, [fields]);
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

/** Who has answered each of these requests. */
function answerers(bed: TestWaypoint, requests: readonly Readonly<Record<string, string>>[]): string[] {
  return asks(bed, requests).map(({ body }) => body);
}

const USERS = Array.from({ length: 100 }, (_, index) => `user-${index}`);

type Named = readonly [what: string, key: HashKey, fields: (user: string) => Readonly<Record<string, string>>];

const KEYS: readonly Named[] = [
  ['a header', { kind: 'header', name: 'x-user' }, (user) => ({ 'x-user': user })],
  ['the path', { kind: 'header', name: ':path' }, (user) => ({ ':path': `/${user}` })],
  ['a query parameter', { kind: 'query-parameter', name: 'user' }, (user) => ({ ':path': `/?a=b&user=${user}&c` })],
  ['a cookie', { kind: 'cookie', cookie: COOKIE }, (user) => ({ cookie: `a=b; user="${user}"; other=user` })],
];

describe.each(['ring', 'maglev'] as const)('with a %s, requests', (kind) => {
  it.each(KEYS)('of the same value of %s go to the same endpoint, of others to all', (_, key, fields) => {
    const bed = start({ endpoints: FIVE, consistentHash: hashBy(key, kind) });
    const requests = USERS.map(fields);
    const first = answerers(bed, requests);
    expect(new Set(first).size).toBe(5);
    expect(answerers(bed, requests)).toEqual(first);
  });

  it.each(KEYS.filter(([what]) => what !== 'the path'))('without %s go anywhere', (_, key) => {
    const bed = start({ endpoints: FIVE, consistentHash: hashBy(key, kind) });
    expect(
      new Set(
        answerers(
          bed,
          Array.from({ length: 100 }, () => ({})),
        ),
      ).size,
    ).toBe(5);
  });

  it('of one client go to the same endpoint by its address', () => {
    const bed = start({ endpoints: FIVE, consistentHash: hashBy({ kind: 'source-ip' }, kind) });
    expect(
      new Set(
        answerers(
          bed,
          USERS.map((user) => ({ 'x-user': user })),
        ),
      ).size,
    ).toBe(1);
  });
});

describe('a request', () => {
  const hash = { endpoints: FIVE, consistentHash: HEADER };

  it('belongs to the same endpoint after changes of the service', () => {
    const bed = start(hash);
    const requests = USERS.map((user) => ({ 'x-user': user }));
    const first = answerers(bed, requests);
    bed.serve(serviceModel({ ...hash, connectTimeoutMs: 1_000 }));
    bed.tellService({ subjectAltNames: [] });
    expect(answerers(bed, requests)).toEqual(first);
  });

  /** Five endpoints of which those fail that are in `down`. */
  function failing(down: ReadonlySet<string>): TestServiceOptions['endpoints'] {
    const one = application('HTTP/1.1', {
      onComplete: (seen) => {
        respond(seen, down.has(seen.endpoint) ? 503 : 200, seen.endpoint);
      },
    });
    return Object.fromEntries(FIVE_NAMES.map((name) => [name, one]));
  }

  const retry: RetryPolicy = {
    retries: 1,
    conditions: ['5xx'],
    statusCodes: [],
    perTryTimeoutMs: 0,
    backoffBaseMs: 1,
    ignorePreviousEndpoints: false,
    remoteLocalities: false,
  };

  it('that its endpoint fails goes to the next one, always the same', () => {
    const down = new Set<string>();
    const bed = start({ endpoints: failing(down), consistentHash: HEADER, action: { retry } });
    const own = ask(bed, { 'x-user': 'me' }).body;
    down.add(own);
    const stands = asks(
      bed,
      Array.from({ length: 5 }, () => ({ 'x-user': 'me' })),
    );
    expect(stands.map(({ status, body }) => [status, body])).toEqual(
      Array.from({ length: 5 }, () => [200, stands[0]?.body]),
    );
    expect(stands[0]?.body).not.toBe(own);
  });

  it('whose endpoint is out goes to the next one without trying it, and back when it is in', () => {
    const down = new Set<string>();
    const bed = start({
      endpoints: failing(down),
      consistentHash: HEADER,
      outlierDetection: { consecutive5xx: 2, intervalMs: 100, baseEjectionMs: 1_000, maxEjectionPercent: 100 },
    });
    const six = (): Answer[] =>
      asks(
        bed,
        Array.from({ length: 6 }, () => ({ 'x-user': 'me' })),
      );
    const own = ask(bed, { 'x-user': 'me' }).body;
    down.add(own);
    const answers = six();
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200, 200, 200, 200]);
    expect(new Set(answers.slice(2).map(({ body }) => body)).size).toBe(1);
    down.clear();
    bed.loop.pass(1_150);
    expect(six().map(({ body }) => body)).toEqual(Array.from({ length: 6 }, () => own));
  });
});

describe('the cookie that requests are told apart by', () => {
  it.each<[string, Partial<HashCookie>, RegExp | undefined]>([
    ['without a time is not set', {}, undefined],
    ['of a session is', { ttlS: 0 }, /^user="[0-9a-f]{16}"; HttpOnly$/],
    ['with a time is', { ttlS: 90 }, /^user="[0-9a-f]{16}"; Max-Age=90; HttpOnly$/],
    [
      'with everything is',
      {
        ttlS: 1,
        path: '/shop',
        attributes: [
          { name: 'SameSite', value: 'Lax' },
          { name: 'Secure', value: '' },
        ],
      },
      /^user="[0-9a-f]{16}"; Max-Age=1; Path=\/shop; SameSite=Lax; Secure; HttpOnly$/,
    ],
  ])('%s', (_, cookie, expected) => {
    const key: HashKey = { kind: 'cookie', cookie: { ...COOKIE, ...cookie } };
    const bed = start({ endpoints: FIVE, consistentHash: hashBy(key) });
    const answer = ask(bed, {});
    const set = answer.field('set-cookie');
    if (expected === undefined) {
      expect(set).toBeUndefined();
      return;
    }
    expect(set).toMatch(expected);
    // Whoever sends it back stays, and is given none again.
    const pair = set?.split(';')[0] ?? '';
    for (let count = 0; count < 5; count++) {
      const again = ask(bed, { cookie: pair });
      expect([again.body, again.field('set-cookie')]).toEqual([answer.body, undefined]);
    }
    expect(ask(bed, { cookie: 'user=' }).field('set-cookie')).toMatch(expected);
    expect(ask(bed, {}).field('set-cookie')).not.toBe(set);
  });

  it('is not set with an answer of the waypoint itself', () => {
    const refusing: EndpointBehaviour = (tunnel) => {
      tunnel.refuse(503, []);
    };
    const key: HashKey = { kind: 'cookie', cookie: { ...COOKIE, ttlS: 5 } };
    const answer = ask(start({ endpoints: { 'cart-1': refusing }, consistentHash: hashBy(key) }), {});
    expect([answer.status, answer.field('set-cookie')]).toEqual([503, undefined]);
  });
});

describe('connections whose bytes are not looked at', () => {
  const naming: EndpointBehaviour = (tunnel, { name }) => {
    const server = new Raw();
    server.endpoint = tunnel.open([], server);
    server.write(name);
  };
  const endpoints = Object.fromEntries(FIVE_NAMES.map((name) => [name, naming]));

  it.each<[string, HashKey, number]>([
    ['of one address go to the same endpoint', { kind: 'source-ip' }, 1],
    ['go anywhere by a key of requests', { kind: 'header', name: 'x-user' }, 5],
  ])('%s', (_, key, count) => {
    const bed = start({ protocol: 'tcp', endpoints, consistentHash: hashBy(key) });
    const names = Array.from({ length: 100 }, () => {
      const client = raw(bed);
      bed.loop.until(() => client.text.length > 0);
      client.endpoint?.destroy();
      return client.text;
    });
    expect(new Set(names).size).toBe(count);
  });
});
