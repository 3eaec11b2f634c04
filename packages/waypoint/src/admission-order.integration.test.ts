import { keySourceName } from '@ambit/traffic/model/token-rule';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readKeys } from './control/read-keys.ts';
import type { TokenKey } from './messages.ts';
import { application, Client, respond } from './test-application.ts';
import {
  ASK,
  closeAuthorizers,
  type HttpQuestion,
  httpAuthorizer,
  httpPod,
  judged,
  settled,
} from './test-authorizers.ts';
import { clusterName, serviceModel } from './test-models.ts';
import { is, policy } from './test-policies.ts';
import { start } from './test-start.ts';
import { ISSUER, TestKey, tokenRule } from './test-tokens.ts';

const KEY = new TestKey('ES256', 'one');
const RULE = tokenRule();
const ALICE = policy('allow', is('request-principal', `${ISSUER}/alice`));
const token = (): string => `Bearer ${KEY.token({ iss: ISSUER, sub: 'alice' })}`;
let keys: readonly TokenKey[];

beforeAll(async () => {
  ({ keys } = await readKeys(JSON.stringify({ keys: [KEY.jwk()] })));
});
afterEach(closeAuthorizers);

/** A service whose authorizer says yes and puts a token into the request; what it was asked. */
async function loggingIn(custom = ASK): Promise<ReturnType<typeof judged> & { readonly asked: HttpQuestion[] }> {
  const { behaviour, asked } = await httpPod((_, response) => {
    response.writeHead(200, { authorization: token() });
    response.end();
  });
  const authorizer = httpAuthorizer({}, { upstreamHeadersOnAllow: [{ kind: 'exact', text: 'authorization' }] });
  const bed = judged(behaviour, authorizer, { policies: [custom, ALICE], tokenRules: [RULE] });
  bed.bed.tellKeys({ changed: [{ source: keySourceName(RULE.keys), keys }] });
  return { ...bed, asked };
}

describe('an authorizer and tokens', () => {
  it('one that logs users in puts the token in by which policies know them', async () => {
    const bed = await loggingIn();
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({ cookie: 'session=1' }));
    expect([answer.status, answer.body]).toEqual([200, 'hello']);
    expect(bed.asked).toHaveLength(1);
  });

  it('it sees the token that a client sends, which is looked at behind it', async () => {
    const bed = await loggingIn();
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({ authorization: 'Bearer no.such.token' }));
    expect(answer.status).toBe(200);
    expect(bed.asked[0]?.headers.authorization).toBe('Bearer no.such.token');
  });

  it.each([
    ['a good token: nobody is asked', () => ({ authorization: token() }), 200, 0],
    ['none: the authorizer is asked, and the token that it puts in is nobody’s any more', () => ({}), 403, 1],
    ['a bad one: 401, and nobody is asked', () => ({ authorization: 'Bearer no.such.token' }), 401, 0],
  ])('where its policy is for requests without a token, and this has %s', async (_, fields, status, times) => {
    const anyone = { ...is('request-principal'), values: [{ kind: 'present' as const, text: '' }], negated: true };
    const bed = await loggingIn({ ...policy('custom', anyone), authorizer: 'opa' });
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send(fields()));
    expect([answer.status, bed.asked.length]).toEqual([status, times]);
  });
});

describe('the route of a request that an authorizer has changed', () => {
  const claims = tokenRule({ claimHeaders: [{ header: 'x-group', claim: 'group' }] });
  const admins = { name: 'x-group', value: { kind: 'exact' as const, text: 'admin', ignoreCase: false } };
  const routes = [
    { matches: [{ headers: [admins] }], action: { kind: 'direct-response' as const, status: 299, body: '' } },
    { action: { kind: 'forward' as const, destinations: [{ cluster: clusterName('app') }] } },
  ];

  it.each([
    [
      'is that of what its token claims',
      () => ({ authorization: `Bearer ${KEY.token({ iss: ISSUER, group: 'admin' })}` }),
      299,
    ],
    ['is not that of what its client says in the place of a claim', () => ({ 'x-group': 'admin' }), 200],
  ])('%s', async (_, fields, status) => {
    const { behaviour } = await httpPod((_question, response) => {
      response.writeHead(200, { 'x-checked': 'yes' });
      response.end();
    });
    const authorizer = httpAuthorizer({}, { upstreamHeadersOnAllow: [{ kind: 'exact', text: 'x-checked' }] });
    const bed = judged(behaviour, authorizer, { routes, tokenRules: [claims] });
    bed.bed.tellKeys({ changed: [{ source: keySourceName(claims.keys), keys }] });
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send(fields()));
    expect(answer.status).toBe(status);
  });
});

describe('the log of a request whose tokens nobody has looked at', () => {
  it.each([
    ['because its authorizer refuses it', '/', 403],
    ['because its path cannot be judged', '/%zz', 400],
  ])('has none of them: %s', async (_, path, status) => {
    const { behaviour } = await httpPod((_question, response) => {
      response.writeHead(403);
      response.end();
    });
    const bed = judged(behaviour, httpAuthorizer(), { tokenRules: [RULE] });
    const [, secret = ''] = token().split(' ');
    const answer = await settled(
      bed,
      new Client(bed.bed, 'HTTP/1.1').send({ ':path': `${path}?access_token=${secret}` }),
    );
    expect(answer.status).toBe(status);
    expect(bed.bed.lines().at(-1)).toContain(`"GET ${path} HTTP/1.1" ${status}`);
    expect(bed.bed.lines().join('\n')).not.toContain(secret);
  });
});

describe('a request that waits for the keys of its token', () => {
  it('is asked about by a policy that has come meanwhile', async () => {
    const { behaviour, asked } = await httpPod((_, response) => {
      response.writeHead(403);
      response.end();
    });
    const options = { subsets: { authz: ['authz-1'], app: ['cart-1'] }, tokenRules: [RULE] };
    const bed = judged(behaviour, httpAuthorizer(), { ...options, policies: [] });
    const answer = new Client(bed.bed, 'HTTP/1.1').send({ authorization: token() });
    bed.bed.loop.until(() => bed.bed.reports.some(({ kind }) => kind === 'keys-wanted'));
    bed.bed.serve(serviceModel({ ...options, policies: [ASK], authorizers: [httpAuthorizer()] }));
    bed.bed.tellKeys({ changed: [{ source: keySourceName(RULE.keys), keys }], settled: [keySourceName(RULE.keys)] });
    await settled(bed, answer);
    expect([answer.status, asked.length, bed.seen]).toEqual([403, 1, []]);
  });

  it('is judged by the policies that are in force when they are there', () => {
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onComplete: (one) => {
            respond(one, 200, 'hello');
          },
        }),
      },
      policies: [ALICE],
      tokenRules: [RULE],
    });
    const answer = new Client(bed, 'HTTP/1.1').send({ authorization: token() });
    bed.loop.until(() => bed.reports.some(({ kind }) => kind === 'keys-wanted'));
    bed.serve(serviceModel({ policies: [policy('deny')], tokenRules: [RULE] }));
    bed.tellKeys({ changed: [{ source: keySourceName(RULE.keys), keys }], settled: [keySourceName(RULE.keys)] });
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(403);
  });
});
