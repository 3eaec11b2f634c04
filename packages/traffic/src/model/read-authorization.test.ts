import type { PolicyAction, PolicyAttribute } from '@ambit/proto/waypoint';
import { describe, expect, it } from 'vitest';
import { type ConditionInit, is, type PolicyInit, policy } from '../authorization/test-policies.ts';
import { MAX_POLICY_PATTERNS } from '../limits.ts';
import { cartService, read } from '../test-service.ts';

const readPolicies = (...policies: PolicyInit[]) => read(cartService({ authorizationPolicies: policies }));
const withCondition = (condition: ConditionInit) => readPolicies(policy('DENY', 'p', [condition]));

describe('a resource is refused whose policy', () => {
  const place = 'authorization_policies[0]';
  const inside = `${place}.rules[0].clauses[0].matches[0].conditions[0]`;
  it.each<[string, PolicyInit, string]>([
    ['has no name', { namespace: 'shop' }, `${place}.name: is empty`],
    ['has no namespace', { name: 'p' }, `${place}.namespace: is empty`],
    ['has an unknown action', { ...policy('DENY', 'p'), action: 9 as PolicyAction }, `${place}.action: value 9`],
    ['has a clause without matches', { ...policy('DENY', 'p'), rules: [{ clauses: [{}] }] }, 'never holds'],
    ['has a match without conditions', policy('DENY', 'p', []), 'always holds'],
  ])('%s', (_, init, problem) => {
    expect(() => readPolicies(init)).toThrow(problem);
  });

  it.each<[string, ConditionInit, string]>([
    ['an unknown attribute', { ...is('PATH', '/'), attribute: 99 as PolicyAttribute }, '.attribute: value 99'],
    ['no attribute', { ...is('PATH', '/'), attribute: 0 }, '.attribute: value 0'],
    ['no values', is('PATH'), '.values: is empty'],
    ['a value of an unknown kind', { ...is('PATH'), values: [{}] }, '.values[0].kind: is not set'],
    [
      'a presence that is none',
      { ...is('PATH'), values: [{ kind: { case: 'present', value: false } }] },
      'use negated',
    ],
    ['a name for what has none', { ...is('PATH', '/'), name: ['a'] }, '.name: only headers and claims'],
    ['a header without name', { ...is('HEADER x', 'a'), name: [] }, '.name: "" is not the name of a header'],
    ['a header in upper case', is('HEADER X', 'a'), '.name: "X" is not the name of a header'],
    ['a header of two names', is('HEADER a/b', 'a'), '.name: "a b" is not'],
    ['a claim without name', { ...is('CLAIM a', 'a'), name: [] }, '.name: a claim has a name'],
    ['a claim with an empty part', is('CLAIM a//b', 'a'), '.name: a claim has a name'],
    ['what is no address', is('SOURCE_IP', '10.0.0.0/33'), '"10.0.0.0/33" is not an IP block'],
    ['the beginning of an address', is('REMOTE_IP', '10.*'), 'is not an IP block'],
    ['what is no port', is('DESTINATION_PORT', '65536'), '"65536" is not a port'],
    ['an account without namespace', is('SOURCE_SERVICE_ACCOUNT', 'web'), '"web" is not namespace/name'],
    ['a template of what is no path', is('METHOD', '/{*}'), 'only paths have templates'],
    ['a template that is only a part of a segment', is('PATH', '/a{*}'), '"a{*}" is no segment'],
    ['a template with another wildcard', is('PATH', '/*/{*}'), '"*" is no segment'],
    ['a template with something behind the rest', is('PATH', '/{**}/{*}'), '{**} may stand only once'],
    ['a template with two rests', is('PATH', '/{**}/{**}'), '{**} may stand only once'],
    ['a template without slash', is('PATH', '{*}'), 'does not begin with a slash'],
  ])('compares with %s', (_, condition, problem) => {
    expect(() => withCondition(condition)).toThrow(problem.startsWith('.') ? `${inside}${problem}` : problem);
  });

  it('stands there twice', () => {
    expect(() => readPolicies(policy('DENY', 'p'), policy('ALLOW', 'p'))).toThrow('shop/p occurs twice');
  });

  it('compares with more values than one may', () => {
    const values = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`);
    expect(() => withCondition(is('PATH', ...values(MAX_POLICY_PATTERNS)))).not.toThrow();
    expect(() => withCondition(is('PATH', ...values(MAX_POLICY_PATTERNS + 1)))).toThrow('values to compare with');
  });
});
