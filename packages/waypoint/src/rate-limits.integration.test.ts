import type { LocalRateLimit, RateLimitKeyPart, RateLimitRule } from '@ambit/traffic/model/local-rate-limit';
import type { HttpMatch } from '@ambit/traffic/model/served-service';
import { keySourceName } from '@ambit/traffic/model/token-rule';
import { describe, expect, it } from 'vitest';
import { readKeys } from './control/read-keys.ts';
import { type Answer, answering, application, Client, type Seen } from './test-application.ts';
import { serviceModel } from './test-models.ts';
import { is, policy } from './test-policies.ts';
import { start } from './test-start.ts';
import { ISSUER, TestKey, tokenRule } from './test-tokens.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const OTHER_ACCOUNT = 'spiffe://cluster.local/ns/shop/sa/admin';
const OTHER_NAMESPACE = 'spiffe://cluster.local/ns/other/sa/web';

/** A rule that lets one request through in an hour, and what is different about it. */
function rule(fields: Partial<RateLimitRule> = {}): RateLimitRule {
  const base = { name: 'all', matches: [], requests: 1, intervalMs: 3_600_000, burst: 1 };
  return { ...base, key: [], maxKeys: (fields.key ?? []).length > 0 ? 16 : 0, ...fields };
}

function limit(rules: readonly RateLimitRule[], fields: Partial<LocalRateLimit> = {}): LocalRateLimit {
  return {
    ...{ namespace: 'shop', name: 'limit', target: 'Service shop/cart', dryRun: false },
    ...fields,
    ...headers(fields),
    rules,
  };
}

function headers({ headers: told = 'standard' }: Partial<LocalRateLimit>): Pick<LocalRateLimit, 'headers'> {
  return { headers: told };
}

function match(fields: Partial<HttpMatch>): HttpMatch {
  const nothing = { path: null, method: null, scheme: null, authority: null, source: null };
  return { ...nothing, headers: [], withoutHeaders: [], queryParameters: [], ...fields };
}

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  return answer;
}

function limited(...limits: readonly LocalRateLimit[]): TestWaypoint {
  return start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, rateLimits: limits });
}

describe.each([
  ['HTTP/1.1', 'http1'],
  ['HTTP/2', 'http2'],
] as const)('a limit on requests over %s', (version, protocol) => {
  it('refuses what is too much before a backend sees it, and says when to come again', () => {
    const seen: Seen[] = [];
    const bed = start({
      protocol,
      endpoints: {
        'cart-1': application(version, {
          onComplete: (one) => {
            seen.push(one);
            one.exchange.respond([':status', '204'], true);
          },
        }),
      },
      rateLimits: [limit([rule({ requests: 2, burst: 2 })])],
    });
    const client = new Client(bed, version);
    const [first, , third] = [1, 2, 3].map(() => settled(bed, client.send({})));
    expect(first?.status).toBe(204);
    expect([third?.status, third?.body]).toEqual([429, 'local_rate_limited']);
    expect(seen).toHaveLength(2);
    expect(third?.field('retry-after')).toBe('1800');
    expect(third?.field('x-envoy-ratelimited')).toBe('true');
    expect(third?.field('x-ambit-reason')).toBe('AMBIT_RATE_LIMITED');
    expect(bed.lines().at(-1)).toContain(' 429 RL local_rate_limited ');
    expect(bed.lines().at(-1)).toContain('policy="shop/limit" reason="AMBIT_RATE_LIMITED"');
    expect(bed.count('ambit_rate_limit_requests_total', 'shop/limit', 'all', 'limited')).toBe(1);
    expect(bed.count('ambit_rate_limit_requests_total', 'shop/limit', 'all', 'admitted')).toBe(2);
  });
});

describe('a limit', () => {
  it('tells a gRPC client that the call may be made again', () => {
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': answering('HTTP/2', 200, '') },
      rateLimits: [limit([rule()])],
    });
    const call = { ':method': 'POST', ':path': '/shop.Cart/Get', 'content-type': 'application/grpc' };
    const client = new Client(bed, 'HTTP/2');
    settled(bed, client.send(call));
    const answer = settled(bed, client.send(call));
    expect([answer.status, answer.field('grpc-status'), answer.field('retry-after')]).toEqual([200, '14', '3600']);
    expect(answer.field('grpc-message')).toBe('local_rate_limited');
  });

  it('lets through again what has come back meanwhile', () => {
    const bed = limited(limit([rule({ intervalMs: 50 })]));
    const client = new Client(bed, 'HTTP/1.1');
    const statuses = [settled(bed, client.send({})).status, settled(bed, client.send({})).status];
    bed.loop.pass(60);
    expect([...statuses, settled(bed, client.send({})).status]).toEqual([200, 429, 200]);
  });

  const GET = { ':method': 'GET', ':path': '/' };
  it.each<[string, Partial<HttpMatch>, Record<string, string>, boolean]>([
    ['path', { path: { kind: 'path-prefix', text: '/api', ignoreCase: false } }, { ':path': '/api/x' }, true],
    [
      'path, of another',
      { path: { kind: 'path-prefix', text: '/api', ignoreCase: false } },
      { ':path': '/apix' },
      false,
    ],
    [
      'path that is written otherwise',
      { path: { kind: 'exact', text: '/api', ignoreCase: false } },
      { ':path': '/x/../%61pi' },
      true,
    ],
    ['method', { method: { kind: 'exact', text: 'POST', ignoreCase: false } }, { ':method': 'POST' }, true],
    ['method, of another', { method: { kind: 'exact', text: 'POST', ignoreCase: false } }, {}, false],
    [
      'header',
      { headers: [{ name: 'x-a', value: { kind: 'regex', text: 'b+', ignoreCase: false } }] },
      { 'x-a': 'bb' },
      true,
    ],
    [
      'header that is not there',
      { headers: [{ name: 'x-a', value: { kind: 'present', text: '', ignoreCase: false } }] },
      {},
      false,
    ],
    [
      'query',
      { queryParameters: [{ name: 'q', value: { kind: 'exact', text: '1', ignoreCase: false } }] },
      { ':path': '/?q=1' },
      true,
    ],
  ])('holds for what its matches say: %s', (_, fields, request, holds) => {
    const bed = limited(limit([rule({ matches: [match(fields)] })]));
    const client = new Client(bed, 'HTTP/1.1');
    const answers = [1, 2].map(() => settled(bed, client.send({ ...GET, ...request })));
    expect(answers.map(({ status }) => status)).toEqual([200, holds ? 429 : 200]);
    expect(answers[0]?.field('ratelimit') !== undefined).toBe(holds);
  });

  interface Sender {
    readonly fields?: Record<string, string>;
    readonly principal?: string;
  }
  const part = (kind: RateLimitKeyPart['kind'], ...name: string[]): RateLimitKeyPart => ({ kind, name });
  it.each<[string, readonly RateLimitKeyPart[], Sender, Sender, boolean]>([
    ['principal', [part('source-principal')], {}, { principal: OTHER_ACCOUNT }, false],
    ['namespace', [part('source-namespace')], {}, { principal: OTHER_NAMESPACE }, false],
    ['namespace, of two accounts', [part('source-namespace')], {}, { principal: OTHER_ACCOUNT }, true],
    ['service account', [part('source-service-account')], {}, { principal: OTHER_ACCOUNT }, false],
    [
      'service account, of the same name elsewhere',
      [part('source-service-account')],
      {},
      { principal: OTHER_NAMESPACE },
      false,
    ],
    ['address', [part('source-address')], {}, { principal: OTHER_ACCOUNT }, true],
    [
      'address, which no field can change',
      [part('source-address')],
      {},
      { fields: { 'x-forwarded-for': '9.9.9.9' } },
      true,
    ],
    ['header', [part('header', 'x-tenant')], { fields: { 'x-tenant': 'a' } }, { fields: { 'x-tenant': 'b' } }, false],
    ['header that is not there', [part('header', 'x-tenant')], {}, {}, true],
    [
      'header that is empty, and one that is not there',
      [part('header', 'x-tenant')],
      { fields: { 'x-tenant': '' } },
      {},
      false,
    ],
    ['path', [part('path')], { fields: { ':path': '/a?x' } }, { fields: { ':path': '/a?y' } }, true],
    ['path, of another', [part('path')], { fields: { ':path': '/a' } }, { fields: { ':path': '/b' } }, false],
    ['method', [part('method')], {}, { fields: { ':method': 'POST' } }, false],
    ['host', [part('header', 'host')], { fields: { ':authority': 'a' } }, { fields: { ':authority': 'b' } }, false],
    [
      'two parts, of which one differs',
      [part('method'), part('header', 'x-tenant')],
      { fields: { 'x-tenant': 'a' } },
      { fields: { 'x-tenant': 'a', ':method': 'POST' } },
      false,
    ],
  ])('counts apart by the parts of its key: %s', (_, key, one, other, shared) => {
    const bed = limited(limit([rule({ key })]));
    const send = ({ fields = {}, principal }: Sender): number =>
      settled(bed, new Client(bed, 'HTTP/1.1', principal).send({ ...GET, ...fields })).status;
    expect([send(one), send(other), send(one)]).toEqual([200, shared ? 429 : 200, 429]);
  });

  it('under ever new values of a key lets through no more than its buckets', () => {
    const bed = limited(limit([rule({ key: [part('header', 'x-tenant')], maxKeys: 8 })]));
    const client = new Client(bed, 'HTTP/1.1');
    const statuses = Array.from(
      { length: 100 },
      (_, at) => settled(bed, client.send({ 'x-tenant': String(at) })).status,
    );
    // Sixteen places, and the bucket that all others share.
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(17);
    expect(bed.count('ambit_rate_limit_shared_total', 'shop/limit', 'all')).toBeGreaterThanOrEqual(84);
  });

  it('takes nothing from others of a request that one of them refuses', () => {
    const bed = limited(
      limit([rule({ name: 'all', burst: 2, requests: 2 }), rule({ name: 'each', key: [part('header', 'x-tenant')] })]),
    );
    const client = new Client(bed, 'HTTP/1.1');
    const status = (tenant: string): number => settled(bed, client.send({ 'x-tenant': tenant })).status;
    expect(['a', 'a', 'a', 'b', 'c'].map(status)).toEqual([200, 429, 429, 200, 429]);
  });

  it('of each of several objects holds', () => {
    const bed = limited(
      limit([rule({ burst: 2 })], { target: 'Gateway shop/waypoint', name: 'outer' }),
      limit([rule({ burst: 3 })]),
    );
    const client = new Client(bed, 'HTTP/1.1');
    const answers = [1, 2, 3].map(() => settled(bed, client.send({})));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(bed.lines().at(-1)).toContain('policy="shop/outer"');
  });

  it('in dry run is counted and logged, and everything passes', () => {
    const bed = limited(limit([rule()], { dryRun: true }));
    const client = new Client(bed, 'HTTP/1.1');
    const answers = [1, 2].map(() => settled(bed, client.send({})));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[1]?.field('ratelimit')).toBeUndefined();
    expect(bed.lines().at(-1)).toContain('policy="shop/limit" reason="dry-run-limit"');
    expect(bed.count('ambit_rate_limit_requests_total', 'shop/limit', 'all', 'would_limit')).toBe(1);
  });

  it('is asked behind the policies: what they refuse costs nothing', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      policies: [policy('deny', is('method', 'DELETE'))],
      rateLimits: [limit([rule()])],
    });
    const client = new Client(bed, 'HTTP/1.1');
    const statuses = ['DELETE', 'DELETE', 'GET', 'GET'].map(
      (method) => settled(bed, client.send({ ':method': method })).status,
    );
    expect(statuses).toEqual([403, 403, 200, 429]);
  });

  it('keeps what it has counted as long as its rule stays as it is', () => {
    const bed = limited(limit([rule()]));
    const client = new Client(bed, 'HTTP/1.1');
    const status = (): number => settled(bed, client.send({})).status;
    expect([status(), status()]).toEqual([200, 429]);
    const other = rule({ name: 'other', burst: 1_000 });
    bed.serve(
      serviceModel({ rateLimits: [limit([other, rule()])], policies: [policy('deny', is('method', 'DELETE'))] }),
    );
    expect(status()).toBe(429);
    bed.serve(serviceModel({ rateLimits: [limit([rule({ burst: 2 })])] }));
    expect([status(), status(), status()]).toEqual([200, 200, 429]);
    bed.serve(serviceModel({}));
    expect(status()).toBe(200);
  });
});

describe('a limit by a claim', () => {
  const KEY = new TestKey('ES256', 'one');
  const tokenOf = (claims: object): string => `Bearer ${KEY.token({ iss: ISSUER, sub: 'alice', ...claims })}`;

  it.each<[string, readonly string[], object | undefined, object | undefined, boolean]>([
    ['of the same text', ['sub'], { sub: 'alice' }, { sub: 'alice', jti: 'another' }, true],
    ['of another text', ['sub'], { sub: 'alice' }, { sub: 'bob' }, false],
    ['of another number', ['tenant'], { tenant: 1 }, { tenant: 2 }, false],
    ['within another', ['realm', 'tenant'], { realm: { tenant: 'a' } }, { realm: { tenant: 'b' } }, false],
    ['that tokens lack', ['tenant'], {}, { sub: 'bob' }, true],
    ['of no token at all', ['sub'], undefined, undefined, true],
    ['of a token, and none', ['sub'], {}, undefined, false],
  ])('counts apart by claims %s', async (_, claim, one, other, shared) => {
    const rules = [tokenRule()];
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      rateLimits: [limit([rule({ key: [{ kind: 'claim', name: claim }] })])],
      tokenRules: rules,
    });
    const { keys } = await readKeys(JSON.stringify({ keys: [KEY.jwk()] }));
    bed.tellKeys({ changed: rules.map((trusted) => ({ source: keySourceName(trusted.keys), keys })) });
    const client = new Client(bed, 'HTTP/1.1');
    const send = (claims: object | undefined): number =>
      settled(bed, client.send(claims === undefined ? {} : { authorization: tokenOf(claims) })).status;
    expect([send(one), send(other), send(one)]).toEqual([200, shared ? 429 : 200, 429]);
    expect(settled(bed, client.send({ authorization: `${tokenOf({})}x` })).status).toBe(401);
  });
});

describe('what answers tell of limits', () => {
  const RULES = [
    rule({ name: 'second', requests: 10, intervalMs: 1_000, burst: 10 }),
    rule({ name: 'hour', requests: 3, burst: 3 }),
  ];
  it.each<[LocalRateLimit['headers'], Record<string, string | undefined>]>([
    [
      'standard',
      {
        'ratelimit-policy': '"second";q=10;w=1, "hour";q=3;w=3600',
        ratelimit: '"second";r=9;t=1, "hour";r=2;t=1200',
        'x-ratelimit-limit': undefined,
      },
    ],
    [
      'x-ratelimit',
      {
        'x-ratelimit-limit': '3, 3;w=3600',
        'x-ratelimit-remaining': '2',
        'x-ratelimit-reset': '1200',
        ratelimit: undefined,
      },
    ],
    ['none', { ratelimit: undefined, 'ratelimit-policy': undefined, 'x-ratelimit-limit': undefined }],
  ])('is %s', (told, fields) => {
    const bed = limited(limit(RULES, { headers: told }));
    const answer = settled(bed, new Client(bed, 'HTTP/1.1').send({}));
    expect(Object.fromEntries(Object.keys(fields).map((name) => [name, answer.field(name)]))).toEqual(fields);
  });

  it('stands in a refusal too, of the rule that refuses', () => {
    const bed = limited(limit([rule()]));
    const client = new Client(bed, 'HTTP/1.1');
    settled(bed, client.send({}));
    const answer = settled(bed, client.send({}));
    expect([answer.field('ratelimit-policy'), answer.field('ratelimit')]).toEqual([
      '"all";q=1;w=3600',
      '"all";r=0;t=3600',
    ]);
  });
});

it('shows its limits to operators, and how many buckets are in use', () => {
  const bed = limited(limit([rule({ key: [{ kind: 'method', name: [] }] })]));
  const client = new Client(bed, 'HTTP/1.1');
  settled(bed, client.send({}));
  settled(bed, client.send({ ':method': 'POST' }));
  expect(bed.rateLimits.describe()).toMatchObject([
    { policy: 'shop/limit', target: 'Service shop/cart', name: 'all', inUse: 2, buckets: 32 },
  ]);
});
