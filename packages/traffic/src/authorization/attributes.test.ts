import { requireSpiffeId } from '@ambit/core/spiffe';
import { describe, expect, it } from 'vitest';
import { factsOf } from '../test-service.ts';
import { authorization, type ConditionInit, is, policy, subjectOf } from './test-policies.ts';

type Request = Parameters<typeof factsOf>;

/** Whether an ALLOW policy and a DENY policy with that one condition match; they must agree. */
function matches(condition: ConditionInit, request: Request, subject = subjectOf()): boolean {
  const facts = factsOf(...request);
  const allowed = authorization(policy('ALLOW', 'a', [condition])).judgeRequest(subject, facts).decision.allowed;
  const denied = !authorization(policy('DENY', 'd', [condition])).judgeRequest(subject, facts).decision.allowed;
  expect(denied).toBe(allowed);
  return allowed;
}

/** The condition, what has the attribute, and whether it fits. The negation of each is the opposite. */
describe.each<[string, ConditionInit, Request, boolean]>([
  ['the method', is('METHOD', 'GET'), ['/'], true],
  ['another method', is('METHOD', 'POST', 'PUT'), ['/'], false],
  ['a method with regard to case', is('METHOD', 'get'), ['/'], false],
  ['the beginning of a method', is('METHOD', 'P*'), ['/', [], 'PATCH'], true],
  ['the end of a method', is('METHOD', '*ST'), ['/', [], 'POST'], true],
  ['any method', is('METHOD', '*'), ['/'], true],
  ['the path', is('PATH', '/a'), ['/a'], true],
  ['the path without its query', is('PATH', '/a'), ['/a?b=/c'], true],
  ['the path without a fragment', is('PATH', '/a'), ['/a#b'], true],
  ['another path', is('PATH', '/a', '/b'), ['/c'], false],
  ['a longer path', is('PATH', '/a'), ['/a/'], false],
  ['a path with regard to case', is('PATH', '/a'), ['/A'], false],
  ['the beginning of a path', is('PATH', '/a/*'), ['/a/b'], true],
  ['the beginning of a path that is only like it', is('PATH', '/a/*'), ['/ab'], false],
  ['the end of a path', is('PATH', '*.gif'), ['/a/b.gif?x'], true],
  ['the end of the query', is('PATH', '*.gif'), ['/a?b.gif'], false],
  ['any path', is('PATH', '*'), ['/'], true],
  ['a path that goes elsewhere and back', is('PATH', '/admin'), ['/a/../admin'], true],
  ['a path with an escaped letter', is('PATH', '/admin'), ['/%61dmin'], true],
  ['a path with escaped dots', is('PATH', '/admin'), ['/a/%2e%2E/admin'], true],
  ['a path with a backslash', is('PATH', '/a/admin'), ['/a\\admin'], true],
  ['a path outside ASCII', is('PATH', '/ä*'), ['/\u00c3\u00a4'], true],
  ['a path outside ASCII, escaped', is('PATH', '/ä*'), ['/%C3%A4'], true],
  ['a template', is('PATH', '/a/{*}/c'), ['/a/b/c'], true],
  ['a template of one segment, with two', is('PATH', '/a/{*}'), ['/a/b/c'], false],
  ['a template of one segment, with none', is('PATH', '/a/{*}'), ['/a/'], false],
  ['a template with a rest', is('PATH', '/a/{*}/c/{**}'), ['/a/b/c/d/e'], true],
  ['a template with a rest, and none', is('PATH', '/a/{*}/c/{**}'), ['/a/b/c/'], true],
  ['a template whose last slash is missing', is('PATH', '/a/{*}/c/{**}'), ['/a/b/c'], false],
  ['a template with something behind its rest', is('PATH', '/a/{**}/z'), ['/a/b/c/z'], true],
  ['a template with something else behind its rest', is('PATH', '/a/{**}/z'), ['/a/b/c'], false],
  ['a template whose ends may not overlap', is('PATH', '/ab/{**}/ab/'), ['/ab/'], false],
  ['a template with regard to case', is('PATH', '/A/{*}'), ['/a/b'], false],
  ['the host', is('HOST', 'cart'), ['/'], true],
  ['the host in another case', is('HOST', 'CART'), ['/', [], 'GET', 'cArt'], true],
  ['the host with a port', is('HOST', 'cart'), ['/', [], 'GET', 'cart:8080'], true],
  ['the host with the dot at its end', is('HOST', 'cart.shop'), ['/', [], 'GET', 'cart.shop.:80'], true],
  ['a pattern with the dot at its end', is('HOST', 'cart.shop.'), ['/', [], 'GET', 'cart.shop'], true],
  ['another host', is('HOST', 'cart'), ['/', [], 'GET', 'cart.shop'], false],
  ['the end of a host', is('HOST', '*.Example.com'), ['/', [], 'GET', 'www.example.COM:443'], true],
  ['the beginning of a host', is('HOST', 'www.*'), ['/', [], 'GET', 'WWW.example.com'], true],
  ['a host and its port', is('HOST', 'cart:80'), ['/', [], 'GET', 'cart:80'], true],
  ['a host and another port', is('HOST', 'cart:80'), ['/', [], 'GET', 'cart:81'], false],
  ['a host and any port', is('HOST', 'cart:*'), ['/', [], 'GET', 'cart:81'], true],
  ['any host with a port', is('HOST', '*:81'), ['/', [], 'GET', 'cart:81'], true],
  ['an address as the host', is('HOST', '[fd00::1]'), ['/', [], 'GET', '[fd00::1]:80'], true],
  ['any host', is('HOST', '*'), ['/'], true],
  ['a header', is('HEADER x-tenant', 'a'), ['/', ['x-tenant: a']], true],
  ['a header with regard to case', is('HEADER x-tenant', 'A'), ['/', ['x-tenant: a']], false],
  ['a header that is not there', is('HEADER x-tenant', 'a', '*'), ['/'], false],
  ['any value of a header', is('HEADER x-tenant', '*'), ['/', ['x-tenant: ']], true],
  ['the beginning of a header', is('HEADER x-tenant', 'a*'), ['/', ['x-tenant: ab']], true],
  ['the end of a header', is('HEADER x-tenant', '*b'), ['/', ['x-tenant: ab']], true],
  ['a header in two fields', is('HEADER x-tenant', 'a,b'), ['/', ['x-tenant: a', 'x-tenant: b']], true],
  ['a header outside ASCII', is('HEADER x-tenant', 'ä'), ['/', ['x-tenant: \u00c3\u00a4']], true],
  ['the host as a header', is('HEADER host', 'cart'), ['/'], true],
  ['the path as a header, as it is sent on', is('HEADER :path', '/b?c'), ['/a/../b?c'], true],
  [
    'a header that only proxies say',
    is('HEADER x-forwarded-client-cert', '*'),
    ['/', ['x-forwarded-client-cert: URI=spiffe://x']],
    false,
  ],
  ['the same spelt otherwise', is('HEADER x_forwarded-client_cert', '*'), ['/', ['x_forwarded-client_cert: a']], false],
  [
    'the subject of a token that nobody has verified',
    is('REQUEST_PRINCIPAL', '*'),
    ['/', ['authorization: Bearer a']],
    false,
  ],
  ['its audience', is('AUDIENCE', '*'), ['/'], false],
  ['its presenter', is('PRESENTER', '*'), ['/'], false],
  ['a claim of it', is('CLAIM groups/inner', '*'), ['/'], false],
  ['the port', is('DESTINATION_PORT', '81', '80'), ['/'], true],
  ['another port', is('DESTINATION_PORT', '8'), ['/'], false],
  ['the address that was dialled', is('DESTINATION_IP', '10.96.0.0/16'), ['/'], true],
  ['another address', is('DESTINATION_IP', '10.96.0.2'), ['/'], false],
  ['the address of the client', is('SOURCE_IP', '10.0.0.7'), ['/'], true],
  ['a block of it', is('SOURCE_IP', 'fd00::/8', '10.0.0.0/24'), ['/'], true],
  ['another block', is('SOURCE_IP', '10.1.0.0/16'), ['/'], false],
  ['the address of the client, whom nobody stands before', is('REMOTE_IP', '10.0.0.7'), ['/'], true],
  [
    'an address that the client says itself',
    is('REMOTE_IP', '192.0.2.1'),
    ['/', ['x-forwarded-for: 192.0.2.1']],
    false,
  ],
  ['the principal', is('SOURCE_PRINCIPAL', 'cluster.local/ns/shop/sa/web'), ['/'], true],
  ['the principal of another namespace', is('SOURCE_PRINCIPAL', 'cluster.local/ns/shop2/sa/web'), ['/'], false],
  ['the beginning of a principal', is('SOURCE_PRINCIPAL', 'cluster.local/ns/shop/*'), ['/'], true],
  ['the end of a principal', is('SOURCE_PRINCIPAL', '*/sa/web'), ['/'], true],
  ['any principal', is('SOURCE_PRINCIPAL', '*'), ['/'], true],
  ['what is no principal', is('SOURCE_PRINCIPAL', 'cluster.local/ns/shop/sa/web/'), ['/'], false],
  ['the namespace', is('SOURCE_NAMESPACE', 'shop'), ['/'], true],
  ['another namespace', is('SOURCE_NAMESPACE', 'sho'), ['/'], false],
  ['the beginning of a namespace', is('SOURCE_NAMESPACE', 'sh*'), ['/'], true],
  ['the service account', is('SOURCE_SERVICE_ACCOUNT', 'shop/web'), ['/'], true],
  ['the same account elsewhere', is('SOURCE_SERVICE_ACCOUNT', 'other/web'), ['/'], false],
  ['the trust domain', is('SOURCE_TRUST_DOMAIN', 'cluster.local'), ['/'], true],
  ['the end of a trust domain', is('SOURCE_TRUST_DOMAIN', '*.local'), ['/'], true],
  ['another trust domain', is('SOURCE_TRUST_DOMAIN', 'local'), ['/'], false],
])('%s', (_, condition, request, expected) => {
  it('fits or does not', () => {
    expect(matches(condition, request)).toBe(expected);
  });

  it('is the opposite when it must not fit', () => {
    expect(matches({ ...condition, negated: true }, request)).toBe(!expected);
  });
});

describe('a client without identity', () => {
  it.each([
    ['SOURCE_PRINCIPAL', '*'],
    ['SOURCE_NAMESPACE', '*'],
    ['SOURCE_SERVICE_ACCOUNT', 'shop/web'],
    ['SOURCE_TRUST_DOMAIN', '*'],
  ] as const)('has no %s', (attribute, value) => {
    const nobody = subjectOf({ identity: undefined });
    expect(matches(is(attribute, value), ['/'], nobody)).toBe(false);
    expect(matches({ ...is(attribute, value), negated: true }, ['/'], nobody)).toBe(true);
  });
});

describe('a field that occurs twice', () => {
  const twice = factsOf('/', ['x-role: guest', 'x-role: admin']);
  const judge = (action: 'ALLOW' | 'DENY', negated: boolean) =>
    authorization(policy(action, 'p', [{ ...is('HEADER x-role', 'admin'), negated }])).judgeRequest(subjectOf(), twice)
      .decision.allowed;

  it('lets nobody pass by a policy that asks for one of them', () => {
    expect(judge('DENY', false)).toBe(false);
    expect(judge('ALLOW', true)).toBe(false);
  });

  it('is no proof of either', () => {
    expect(judge('ALLOW', false)).toBe(false);
    expect(judge('DENY', true)).toBe(false);
  });
});

it('an identity is compared by its parts', () => {
  const other = subjectOf({ identity: requireSpiffeId('spiffe://cluster.local/ns/shop/sa/web.ns') });
  expect(matches(is('SOURCE_PRINCIPAL', 'cluster.local/ns/shop/sa/web'), ['/'], other)).toBe(false);
});
