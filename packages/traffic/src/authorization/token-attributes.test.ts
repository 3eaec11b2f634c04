import { describe, expect, it } from 'vitest';
import { factsOf } from '../test-service.ts';
import { VerifiedToken } from '../token/verified-token.ts';
import { authorization, type ConditionInit, is, policy, subjectOf } from './test-policies.ts';

const CLAIMS: unknown = JSON.parse(`{
  "iss": "https://issuer.example.com", "sub": "alice", "aud": ["shop", "bank"], "azp": "web",
  "groups": ["admin", "ops"], "scope": "read write", "roles": "a b", "city": "Köln", "level": 3, "staff": true,
  "realm": {"access": {"roles": ["editor"]}, "a.b": "dotted"}, "empty": "", "__proto__": {"polluted": "yes"}
}`);

/** Whether an ALLOW policy and a DENY policy with that one condition match; they must agree. */
function matches(condition: ConditionInit, token: VerifiedToken | undefined): boolean {
  const facts = factsOf('/');
  facts.token = token;
  const allowed = authorization(policy('ALLOW', 'a', [condition])).judgeRequest(subjectOf(), facts).decision.allowed;
  const denied = !authorization(policy('DENY', 'd', [condition])).judgeRequest(subjectOf(), facts).decision.allowed;
  expect(denied).toBe(allowed);
  return allowed;
}

function tokenOf(claims: unknown, spaceDelimited: readonly string[] = []): VerifiedToken {
  return new VerifiedToken(claims as Record<string, unknown>, spaceDelimited);
}

/** The condition, and whether it fits the token. The negation of each is the opposite, and without a token nothing fits. */
describe.each<[string, ConditionInit, boolean]>([
  ['the principal', is('REQUEST_PRINCIPAL', 'https://issuer.example.com/alice'), true],
  ['any principal', is('REQUEST_PRINCIPAL', '*'), true],
  ['the issuer of the principal', is('REQUEST_PRINCIPAL', 'https://issuer.example.com/*'), true],
  ['the subject of the principal', is('REQUEST_PRINCIPAL', '*/alice'), true],
  ['another subject', is('REQUEST_PRINCIPAL', '*/bob'), false],
  ['one of the audiences', is('AUDIENCE', 'bank'), true],
  ['another audience', is('AUDIENCE', 'ban'), false],
  ['the presenter', is('PRESENTER', 'web'), true],
  ['another presenter', is('PRESENTER', 'shop'), false],
  ['one of a list', is('CLAIM groups', 'nobody', 'ops'), true],
  ['none of a list', is('CLAIM groups', 'op'), false],
  ['the beginning of one of a list', is('CLAIM groups', 'adm*'), true],
  ['a word of the scope', is('CLAIM scope', 'write'), true],
  ['the whole scope, which is a list', is('CLAIM scope', 'read write'), false],
  ['a text with spaces that is no list', is('CLAIM roles', 'a b'), true],
  ['a word of it', is('CLAIM roles', 'a'), false],
  ['a claim outside ASCII', is('CLAIM city', 'Köln'), true],
  ['a claim within claims', is('CLAIM realm/access/roles', 'editor'), true],
  ['a claim with a dot in its name', is('CLAIM realm/a.b', 'dotted'), true],
  ['claims themselves', is('CLAIM realm', '*'), false],
  ['a claim within a list', is('CLAIM groups/0', '*'), false],
  ['a claim that is not there', is('CLAIM nothing', '*'), false],
  ['an empty claim', is('CLAIM empty', '*'), true],
  ['a number', is('CLAIM level', '3'), false],
  ['a truth', is('CLAIM staff', 'true'), false],
  ['what every object has', is('CLAIM constructor/name', '*'), false],
  ['what a forger would like every object to have', is('CLAIM polluted', '*'), false],
])('%s', (_, condition, expected) => {
  it('fits or does not', () => {
    expect(matches(condition, tokenOf(CLAIMS))).toBe(expected);
    expect(matches({ ...condition, negated: true }, tokenOf(CLAIMS))).toBe(!expected);
  });

  it('never fits without a token', () => {
    expect(matches(condition, undefined)).toBe(false);
    expect(matches({ ...condition, negated: true }, undefined)).toBe(true);
  });
});

describe('a token', () => {
  it('has no principal without a subject', () => {
    expect(matches(is('REQUEST_PRINCIPAL', '*'), tokenOf({ iss: 'a' }))).toBe(false);
    expect(matches(is('REQUEST_PRINCIPAL', '*'), tokenOf({ iss: 'a', sub: '' }))).toBe(false);
  });

  it('has words in the claims that are said to be lists', () => {
    expect(matches(is('CLAIM roles', 'b'), tokenOf(CLAIMS, ['roles']))).toBe(true);
    expect(matches(is('CLAIM scope', 'read'), tokenOf(CLAIMS, ['roles']))).toBe(true);
  });
});
