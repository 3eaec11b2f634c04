import { createHmac } from 'node:crypto';
import { fieldValue } from '@ambit/http/h2/message-fields';
import { keySourceName, type TokenRule } from '@ambit/traffic/model/token-rule';
import { beforeAll, describe, expect, it } from 'vitest';
import { readKeys } from './control/read-keys.ts';
import type { TokenKey } from './messages.ts';
import { type Answer, application, Client, respond, type Seen } from './test-application.ts';
import { serviceModel, type TestServiceModel } from './test-models.ts';
import { is, policy } from './test-policies.ts';
import { start } from './test-start.ts';
import { encode, ISSUER, TestKey, tokenRule } from './test-tokens.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const KEY = new TestKey('RS256', 'one');
const OTHER = new TestKey('ES256', 'two');
/** The clock by which tokens are judged stands still. Milliseconds since the epoch. */
const NOW = 1_700_000_000_000;
const CLAIMS = { iss: ISSUER, sub: 'alice' };

const known = new Map<TestKey, readonly TokenKey[]>();

beforeAll(async () => {
  for (const key of [KEY, OTHER]) known.set(key, (await readKeys(JSON.stringify({ keys: [key.jwk()] }))).keys);
});

interface Bed {
  readonly bed: TestWaypoint;
  /** What backends got. */
  readonly seen: Seen[];
  readonly client: Client;
  /** Sends a request and waits for its answer. */
  readonly send: (fields: Readonly<Record<string, string>>, body?: string) => Answer;
}

/** A service behind rules for tokens, whose keys the waypoint has. */
function guarded(rules: readonly TokenRule[], fields: TestServiceModel = {}, keys = [KEY]): Bed {
  const version = fields.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
  const seen: Seen[] = [];
  const bed = start({
    ...fields,
    endpoints: {
      'cart-1': application(version, {
        onComplete: (one) => {
          seen.push(one);
          respond(one, 200, 'hello');
        },
      }),
    },
    tokenRules: rules,
  });
  bed.wallTime = () => NOW;
  bed.tellKeys({
    changed: rules.map((rule) => ({
      source: keySourceName(rule.keys),
      keys: keys.flatMap((key) => known.get(key) ?? []),
    })),
  });
  const client = new Client(bed, version);
  const send = (head: Readonly<Record<string, string>>, body?: string): Answer => {
    const before = asked(bed).length;
    const answer = body === undefined ? client.send(head) : client.send(head, body);
    bed.loop.until(() => answer.settled || asked(bed).length > before);
    return answer;
  };
  return { bed, seen, client, send };
}

/** For whose keys the control side was asked. */
function asked(bed: TestWaypoint): string[] {
  return bed.reports.flatMap((report) => (report.kind === 'keys-wanted' ? [report.source] : []));
}

function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

function inSeconds(seconds: number): number {
  return NOW / 1_000 + seconds;
}

function refusal(answer: Answer): readonly [number, string] {
  return [answer.status, answer.body];
}

describe.each(['http1', 'http2'] as const)('TestL7JWT, over %s', (protocol) => {
  const ISSUER_2 = 'https://issuer-2.example.com';
  const fromFirst = policy('allow', { ...is('request-principal', `${ISSUER}/alice`) });
  const health = { ...policy('allow', is('path', '/healthz')), name: 'health' };
  const rules = [tokenRule(), tokenRule({ issuer: ISSUER_2, keys: { kind: 'uri', uri: `${ISSUER_2}/keys` } })];
  const open = () => guarded(rules, { protocol, policies: [fromFirst, health] });

  it('no token: 403 by the policy', () => {
    const { send, seen, bed } = open();
    expect(refusal(send({}))).toEqual([403, 'RBAC: access denied']);
    expect(seen).toEqual([]);
    expect(bed.lines().at(-1)).toContain('rbac_access_denied_matched_policy[none]');
  });

  it('token of issuer-1: 200', () => {
    const { send, seen } = open();
    expect(send(bearer(KEY.token(CLAIMS))).status).toBe(200);
    expect(seen).toHaveLength(1);
  });

  it('token of issuer-3, whose RequestAuthentication has a selector and so is not here: 401', () => {
    const { send } = open();
    const answer = send(bearer(KEY.token({ ...CLAIMS, iss: 'https://issuer-3.example.com' })));
    expect(refusal(answer)).toEqual([401, 'Jwt issuer is not configured']);
  });

  it('token of issuer-2, which is good and is not let in: 403', () => {
    const { send } = open();
    expect(refusal(send(bearer(KEY.token({ ...CLAIMS, iss: ISSUER_2 }))))).toEqual([403, 'RBAC: access denied']);
  });

  it('expired token: 401', () => {
    const { send, bed, seen } = open();
    const token = KEY.token({ ...CLAIMS, exp: inSeconds(-61) });
    const answer = send({ ...bearer(token), ':path': '/a?b=c' });
    expect(refusal(answer)).toEqual([401, 'Jwt is expired']);
    expect(answer.field('www-authenticate')).toBe('Bearer realm="http://cart/a", error="invalid_token"');
    expect(bed.lines().at(-1)).toContain(' 401 - jwt_authn_access_denied{Jwt_is_expired} ');
    expect(bed.lines().join()).not.toContain(token);
    expect(bed.count('ambit_tokens_total', 'expired')).toBe(1);
    expect(seen).toEqual([]);
  });

  it('/healthz: 200 without a token', () => {
    const { send } = open();
    expect(send({ ':path': '/healthz' }).status).toBe(200);
  });
});

/** Of a token that is refused, and why; each would be let in by its claims. */
describe('a hostile token', () => {
  const publicAsSecret = (alg: string): string => {
    const signed = `${encode({ alg, kid: 'one' })}.${encode(CLAIMS)}`;
    return `${signed}.${createHmac('sha256', KEY.publicPem).update(signed).digest('base64url')}`;
  };
  const [head = '', payload = '', signature = ''] = KEY.token(CLAIMS).split('.');
  const jwk = OTHER.jwk();

  it.each<[string, string, string]>([
    ['without signature (alg none)', `${encode({ alg: 'none' })}.${encode(CLAIMS)}.`, 'not in the form'],
    ['of alg none with some signature', `${encode({ alg: 'none' })}.${encode(CLAIMS)}.AA`, '[alg] is not supported'],
    ['of alg None', `${encode({ alg: 'None' })}.${encode(CLAIMS)}.AA`, '[alg] is not supported'],
    ['with the public key as a shared secret', publicAsSecret('HS256'), '[alg] is not supported'],
    ['with the public key as a shared secret, as if it were of the key', publicAsSecret('RS256'), 'verification fails'],
    ['of another algorithm than the key has', OTHER.token(CLAIMS, { kid: 'one' }), 'match kid or alg'],
    ['that brings its own key', OTHER.token(CLAIMS, { kid: 'one', jwk }), 'match kid or alg'],
    ['with an extension that must be understood', KEY.token(CLAIMS, { crit: ['exp'] }), '[crit]'],
    ['whose payload is not encoded', KEY.token(CLAIMS, { b64: false }), '[crit]'],
    [
      'with another subject than was signed',
      `${head}.${encode({ ...CLAIMS, sub: 'root' })}.${signature}`,
      'verification fails',
    ],
    [
      'with another head than was signed',
      `${encode({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${payload}.${signature}`,
      'verification fails',
    ],
    ['with a signature that is cut', `${head}.${payload}.${signature.slice(4)}`, 'verification fails'],
    ['of four parts', `${KEY.token(CLAIMS)}.AA`, 'not in the form'],
    ['that is padded', `${head}=.${payload}.${signature}`, 'header is an invalid Base64url'],
    ['with what no encoder writes', `${head}.${payload}.${signature}!`, 'signature is an invalid Base64url'],
    ['and another one behind it', `${KEY.token(CLAIMS)}, Bearer x`, 'signature is an invalid Base64url'],
    ['that is a word', 'nonsense-that-no-log-line-holds', 'not in the form'],
    ['that is huge', `${head}.${encode('x'.repeat(20_000))}.${signature}`, 'too large'],
    ['whose head is a list', `${encode('[]')}.${payload}.${signature}`, 'header is an invalid JSON'],
    ['whose claims are a text', KEY.token('"text"' as unknown as object), 'payload is an invalid JSON'],
    ['with a kid that is a number', KEY.token(CLAIMS, { kid: 1 }), '[kid] field is not a string'],
    ['without alg', KEY.token(CLAIMS, { alg: undefined }), '[alg] field is required'],
    ['of an issuer in a list', KEY.token({ ...CLAIMS, iss: [ISSUER] }), '[iss] field is not a string'],
    ['without issuer', KEY.token({ sub: 'alice' }), 'issuer is not configured'],
    ['that is expired', KEY.token({ ...CLAIMS, exp: inSeconds(-70) }), 'is expired'],
    ['that expires at a text', KEY.token({ ...CLAIMS, exp: '9999999999' }), '[exp] field is not an integer'],
    ['of the future', KEY.token({ ...CLAIMS, nbf: inSeconds(70) }), 'not yet valid'],
    ['issued in the future', KEY.token({ ...CLAIMS, iat: inSeconds(70) }), 'not yet valid'],
    ['with an audience that is a number', KEY.token({ ...CLAIMS, aud: 1 }), '[aud] field is not a string'],
    ['with a number among the audiences', KEY.token({ ...CLAIMS, aud: ['shop', 1] }), '[aud] field is not a string'],
  ])('%s is answered with 401', (_, token, reason) => {
    const { send, seen, bed } = guarded([tokenRule()]);
    const answer = send(bearer(token));
    if (!answer.settled) bed.tellKeys({ settled: asked(bed) });
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(401);
    expect(answer.body).toContain(reason);
    expect(answer.field('www-authenticate')).toContain('error="invalid_token"');
    expect(seen).toEqual([]);
    expect(bed.lines().join('\n')).not.toContain(token.slice(0, 40));
  });

  it.each<[string, object]>([
    ['within the time that clocks may differ after its end', { exp: inSeconds(-50) }],
    ['within the time that clocks may differ before its beginning', { nbf: inSeconds(50), iat: inSeconds(50) }],
    ['with an end in parts of a second', { exp: inSeconds(60) + 0.5 }],
  ])('%s is good', (_, claims) => {
    expect(guarded([tokenRule()]).send(bearer(KEY.token({ ...CLAIMS, ...claims }))).status).toBe(200);
  });

  it.each<[unknown, number]>([
    ['shop', 200],
    [['bank', 'shop'], 200],
    [['bank', 'https://shop/'], 200],
    [['bank'], 403],
    ['shopping', 403],
    [[], 403],
    [undefined, 403],
  ])('for the audience %j gets %i where one is asked for', (aud, status) => {
    const { send } = guarded([tokenRule({ audiences: ['shop'] })]);
    const answer = send(bearer(KEY.token({ ...CLAIMS, aud })));
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.body).toBe('Audiences in Jwt are not allowed');
  });

  it('of an algorithm of its key is good, whichever that is', async () => {
    for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const) {
      const key = new TestKey(algorithm, 'its');
      known.set(key, (await readKeys(JSON.stringify({ keys: [key.jwk()] }))).keys);
      expect([algorithm, guarded([tokenRule()], {}, [key]).send(bearer(key.token(CLAIMS))).status]).toEqual([
        algorithm,
        200,
      ]);
    }
  });
});

describe('where tokens are', () => {
  const token = KEY.token(CLAIMS);
  const bad = KEY.token({ ...CLAIMS, exp: 1 });
  const places = tokenRule({
    headers: [
      { name: 'x-token', prefix: '' },
      { name: 'authorization', prefix: 'Bearer ' },
    ],
    parameters: ['token'],
    cookies: ['session'],
  });

  it.each<[string, Record<string, string>, Record<string, string | undefined>]>([
    ['a header with a word', bearer(token), { authorization: undefined }],
    ['the word in another case', { authorization: `bearer ${token}` }, { authorization: undefined }],
    [
      'a header',
      { 'x-token': token, authorization: 'Basic YTpi' },
      { 'x-token': undefined, authorization: 'Basic YTpi' },
    ],
    ['a parameter', { ':path': `/a?x=1&token=${token}&y=2` }, { ':path': '/a?x=1&y=2' }],
    ['the only parameter', { ':path': `/a?token=${token}` }, { ':path': '/a' }],
    ['a parameter whose name is escaped', { ':path': `/a?%74oken=${token}` }, { ':path': '/a' }],
    ['a cookie', { cookie: `a=1; session=${token}; b=2` }, { cookie: 'a=1; b=2' }],
    ['the only cookie', { cookie: `session="${token}"` }, { cookie: undefined }],
  ])('%s: it is found, and taken out', (_, fields, expected) => {
    const onlyAlice = policy('allow', is('request-principal', `${ISSUER}/alice`));
    const { send, seen, bed } = guarded([places], { policies: [onlyAlice] });
    expect(send(fields).status).toBe(200);
    const got = seen[0]?.fields ?? [];
    for (const [name, value] of Object.entries(expected)) expect([name, fieldValue(got, name)]).toEqual([name, value]);
    expect(got.join(' ')).not.toContain(token);
    expect(bed.lines().join(' ')).not.toContain(token);
  });

  it.each<[string, Record<string, string>]>([
    ['a header', { 'x-token': bad }],
    ['a header with a tab', { authorization: `Bearer\t${bad}` }],
    ['a header behind something else', { authorization: `Basic YTpi, Bearer ${bad}` }],
    ['a parameter', { ':path': `/?token=${bad}` }],
    ['a parameter whose value is escaped', { ':path': `/?token=${bad.replaceAll('.', '%2E')}` }],
    ['a cookie', { cookie: `session=${bad}` }],
    ['a second place, beside a good one', { ...bearer(token), cookie: `session=${bad}` }],
    ['a first place, before a good one', { 'x-token': bad, ...bearer(token) }],
  ])('%s: a bad one is refused', (_, fields) => {
    const { send, seen } = guarded([places]);
    expect(send(fields).status).toBe(401);
    expect(seen).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['parameters', { ':path': `/?token=${token}&token=${token}` }],
    ['cookies', { cookie: `session=${token}; session=${token}` }],
  ])('two %s of one name are refused, good as they may be', (_, fields) => {
    expect(refusal(guarded([places]).send(fields))).toEqual([401, 'Found multiple Jwt tokens']);
  });

  it('elsewhere nobody looks', () => {
    const { send } = guarded([tokenRule({ headers: [], parameters: ['token'] })]);
    expect(send(bearer(bad)).status).toBe(200);
  });

  it('a token stays where the rule says so, and is not written down', () => {
    const { send, seen, bed } = guarded([{ ...places, forwardToken: true }]);
    expect(send({ ...bearer(token), ':path': `/?token=${token}`, x_token: token }).status).toBe(200);
    const got = seen[0]?.fields ?? [];
    expect([fieldValue(got, 'authorization'), fieldValue(got, ':path')]).toEqual([
      `Bearer ${token}`,
      `/?token=${token}`,
    ]);
    expect(fieldValue(got, 'x_token')).toBeUndefined();
    expect(bed.lines().join(' ')).not.toContain(token);
  });
});

describe('what backends get of a token', () => {
  const rule = tokenRule({
    payloadHeader: 'x-payload',
    claimHeaders: [
      { header: 'x-user', claim: 'sub' },
      { header: 'x-level', claim: 'level' },
      { header: 'x-city', claim: 'address.city' },
      { header: 'x-groups', claim: 'groups' },
      { header: 'x-bad', claim: 'bad' },
      { header: 'x-missing', claim: 'missing' },
    ],
  });
  const claims = { ...CLAIMS, level: 3, address: { city: 'Ulm' }, groups: ['a', 'b'], bad: 'a\r\nx-user: root' };
  const forged = {
    'x-user': 'root',
    x_user: 'root',
    'x-payload': 'e30',
    'x-missing': 'root',
    x_missing: 'root',
    'x-bad': 'root',
  };

  it('is its payload and its claims, and nothing that the client says', () => {
    const { send, seen } = guarded([rule]);
    const token = KEY.token(claims);
    expect(send({ ...bearer(token), ...forged }).status).toBe(200);
    const got = seen[0]?.fields ?? [];
    const valueOf = (name: string) => fieldValue(got, name);
    expect(['x-payload', 'x-user', 'x-level', 'x-city', 'x-groups'].map(valueOf)).toEqual([
      ...[token.split('.')[1], 'alice', '3', 'Ulm', Buffer.from('["a","b"]').toString('base64')],
    ]);
    expect(['x-missing', 'x-bad', 'x_user', 'x_missing'].map(valueOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is nothing without a token, whatever the client says', () => {
    const { send, seen } = guarded([rule]);
    expect(send(forged).status).toBe(200);
    expect((seen[0]?.fields ?? []).join(' ')).not.toMatch(/root|e30/);
  });

  it('is seen by policies and routes as backends get it', () => {
    const byHeader = policy('allow', {
      attribute: 'header',
      name: ['x-user'],
      values: [{ kind: 'exact', text: 'root' }],
      negated: false,
    });
    const { send } = guarded([rule], { policies: [byHeader] });
    expect(send(forged).status).toBe(403);
    expect(send(bearer(KEY.token({ ...CLAIMS, sub: 'root' }))).status).toBe(200);
  });
});

describe('what is told of a request', () => {
  const rule = tokenRule({
    ...{ parameters: ['token'], cookies: ['session'], forwardToken: true },
    claimHeaders: [{ header: 'x-user', claim: 'sub' }],
  });
  const names = ['authorization', 'cookie', ':path', 'x-user'];
  const tags = names.map((name) => ({ name, source: 'header' as const, text: name, defaultValue: '-' }));
  const tracing = {
    ...{ sampledPerMillion: 1_000_000, tags, meshTags: false, serviceName: 'cart.shop' },
    collector: { name: 'c', protocol: 'zipkin' as const, host: '127.0.0.1', port: 9, path: '/' },
  };
  const told = (head: Readonly<Record<string, string>>): readonly string[] => {
    const { send, bed } = guarded([rule], { telemetry: { tracing } });
    send(head);
    return bed.traced().find(({ span }) => span.kind === 'server')?.span.tags ?? [];
  };

  it.each<[string, string, string]>([
    ['good', KEY.token(CLAIMS), 'alice'],
    ['bad', KEY.token({ ...CLAIMS, exp: 1 }), '-'],
  ])('with a %s token is never the token, and never what the client says in the place of a claim', (_, token, user) => {
    const tags = told({
      ...bearer(token),
      cookie: `a=b; session=${token}`,
      'x-user': 'root',
      ':path': `/?token=${token}`,
    });
    const valueOf = (name: string): string | undefined => tags[tags.indexOf(name) + 1];
    expect(names.map(valueOf)).toEqual(['-', 'a=b', '/', user]);
    expect(tags.join(' ')).not.toContain(token.slice(0, 40));
  });
});

describe('keys', () => {
  const source = keySourceName(tokenRule().keys);
  const rotated = (): { source: string; keys: readonly TokenKey[] } => ({ source, keys: known.get(OTHER) ?? [] });

  it('that are newer than those known let the request wait with its content, and none fails', () => {
    const { client, bed, seen } = guarded([tokenRule()], { protocol: 'http2' });
    const answers = [1, 2].map((one) => client.send(bearer(OTHER.token({ ...CLAIMS, sub: String(one) })), 'content'));
    bed.loop.until(() => asked(bed).length > 0);
    bed.loop.pass(20);
    expect(asked(bed)).toEqual([source]);
    expect(answers.map(({ settled }) => settled)).toEqual([false, false]);
    bed.tellKeys({ changed: [rotated()], settled: [source] });
    bed.loop.until(() => answers.every(({ settled }) => settled));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(seen.map(({ body }) => body)).toEqual(['content', 'content']);
  });

  it.each<[string, TestServiceModel, number]>([
    ['is denied by a policy', { policies: [policy('deny')] }, 403],
    ['has a token that is for others', { tokenRules: [tokenRule({ audiences: ['bank'] })] }, 403],
    ['has no route any more', { tokenRules: [tokenRule()], routes: [] }, 404],
  ])('that come when the request that waits for them %s let it go no further', (_, now, status) => {
    const { client, bed, seen } = guarded([tokenRule()], { protocol: 'http2' });
    const answer = client.send(bearer(OTHER.token({ ...CLAIMS, aud: 'shop' })));
    bed.loop.until(() => asked(bed).length > 0);
    bed.serve(serviceModel({ protocol: 'http2', tokenRules: [tokenRule()], ...now }));
    bed.tellKeys({ changed: [rotated()], settled: [source] });
    bed.loop.until(() => answer.settled);
    expect([answer.status, seen]).toEqual([status, []]);
  });

  it('that are nowhere to be had let the request wait no longer than that is known', () => {
    const { send, bed } = guarded([tokenRule()]);
    const answer = send(bearer(OTHER.token(CLAIMS)));
    bed.tellKeys({ settled: [source] });
    bed.loop.until(() => answer.settled);
    expect(refusal(answer)).toEqual([401, "Jwks doesn't have key to match kid or alg from Jwt"]);
  });

  it('that were never there refuse, and a request without token passes', () => {
    const { send, bed } = guarded([tokenRule()], {}, []);
    expect(send({}).status).toBe(200);
    const answer = send(bearer(KEY.token(CLAIMS)));
    bed.tellKeys({ settled: [source] });
    bed.loop.until(() => answer.settled);
    expect(refusal(answer)).toEqual([401, "Jwks doesn't have any valid public key"]);
  });

  it('that are replaced refuse tokens of the old ones, also those that were found good before', () => {
    const { send, bed } = guarded([tokenRule()]);
    const token = KEY.token(CLAIMS);
    expect([send(bearer(token)).status, send(bearer(token)).status, bed.thread.tokens.remembered]).toEqual([
      200, 200, 1,
    ]);
    bed.tellKeys({ changed: [rotated()] });
    const answer = send(bearer(token));
    bed.tellKeys({ settled: [source] });
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(401);
  });

  it('a token that was found good is refused when it has expired', () => {
    const { send, bed } = guarded([tokenRule()]);
    const token = KEY.token({ ...CLAIMS, exp: inSeconds(30) });
    expect(send(bearer(token)).status).toBe(200);
    bed.wallTime = () => NOW + 91_000;
    expect(refusal(send(bearer(token)))).toEqual([401, 'Jwt is expired']);
    expect(bed.thread.tokens.remembered).toBe(0);
  });

  it('a request that its client gives up while it waits is sent nowhere', () => {
    const { send, bed, seen, client } = guarded([tokenRule()], { protocol: 'http2' });
    send(bearer(OTHER.token(CLAIMS)));
    client.drop();
    bed.loop.pass(20);
    bed.tellKeys({ changed: [rotated()], settled: [source] });
    bed.loop.pass(20);
    expect(seen).toEqual([]);
  });
});
