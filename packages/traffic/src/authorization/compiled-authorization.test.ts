import { describe, expect, it } from 'vitest';
import { factsOf } from '../test-service.ts';
import { compileAuthorization } from './compiled-authorization.ts';
import { authorization, is, isNot, type PolicyInit, policy, subjectOf } from './test-policies.ts';

const GET = is('METHOD', 'GET');
const PUT = is('METHOD', 'PUT');
const SHOP = is('SOURCE_NAMESPACE', 'shop');
const OTHER = is('SOURCE_NAMESPACE', 'other');
const NOTHING: PolicyInit = { namespace: 'shop', name: 'nothing' };

const NONE = 'rbac_access_denied_matched_policy[none]';
const by = (name: string, rule = 0) => `rbac_access_denied_matched_policy[ns[shop]-policy[${name}]-rule[${rule}]]`;

/** The details of the refusal of a GET from `shop`; undefined when it is allowed. */
function refusal(...policies: PolicyInit[]): string | undefined {
  return authorization(...policies).judgeRequest(subjectOf(), factsOf('/')).answer?.details;
}

/** The same of a connection whose bytes are not looked at. */
function refusalOfConnection(...policies: PolicyInit[]): string | undefined {
  return authorization(...policies).judgeConnection(subjectOf()).answer?.details;
}

describe('a request', () => {
  it.each<[string, PolicyInit[], string | undefined]>([
    ['with an ALLOW that matches is allowed', [policy('ALLOW', 'a', [GET])], undefined],
    ['without an ALLOW that matches is refused', [policy('ALLOW', 'a', [PUT])], NONE],
    ['with one of several is allowed', [policy('ALLOW', 'a', [PUT]), policy('ALLOW', 'b', [GET])], undefined],
    ['with a DENY that matches is refused', [policy('DENY', 'd', [GET])], by('d')],
    ['with a DENY that does not match is allowed', [policy('DENY', 'd', [PUT])], undefined],
    ['is refused by a DENY whatever allows it', [policy('ALLOW', 'a', [GET]), policy('DENY', 'd', [GET])], by('d')],
    [
      'with an ALLOW beside a DENY, neither of which matches',
      [policy('ALLOW', 'a', [PUT]), policy('DENY', 'd', [PUT])],
      NONE,
    ],
    ['is refused by an ALLOW without rules', [NOTHING], NONE],
    ['is allowed by an ALLOW beside one without rules', [NOTHING, policy('ALLOW', 'a')], undefined],
    ['is allowed by an ALLOW rule without conditions', [policy('ALLOW', 'a')], undefined],
    ['is refused by a DENY rule without conditions', [policy('DENY', 'd')], by('d')],
    ['needs every clause of a rule', [policy('ALLOW', 'a', [GET], [OTHER])], NONE],
    ['with every clause of a rule is allowed', [policy('ALLOW', 'a', [GET], [SHOP])], undefined],
    ['needs every condition of a match', [policy('ALLOW', 'a', [GET, OTHER])], NONE],
    [
      'needs one match of a clause',
      [{ ...NOTHING, rules: [{ clauses: [{ matches: [{ conditions: [PUT] }, { conditions: [GET] }] }] }] }],
      undefined,
    ],
    [
      'is refused by the rule that matches',
      [
        {
          ...policy('DENY', 'd'),
          rules: [PUT, GET].map((one) => ({ clauses: [{ matches: [{ conditions: [one] }] }] })),
        },
      ],
      by('d', 1),
    ],
    ['is not refused by an AUDIT', [policy('AUDIT', 'w', [GET])], undefined],
    ['is not refused by a DENY in dry run', [{ ...policy('DENY', 'd', [GET]), dryRun: true }], undefined],
    ['is not refused by an ALLOW in dry run', [{ ...policy('ALLOW', 'a', [PUT]), dryRun: true }], undefined],
    ['is not allowed by an ALLOW in dry run', [NOTHING, { ...policy('ALLOW', 'a', [GET]), dryRun: true }], NONE],
    ['is not allowed by an AUDIT', [NOTHING, policy('AUDIT', 'w', [GET])], NONE],
  ])('%s', (_, policies, expected) => {
    expect(refusal(...policies)).toBe(expected);
  });

  it('that is refused is told nothing of the policy', () => {
    const { answer, decision } = authorization(policy('DENY', 'd')).judgeRequest(subjectOf(), factsOf('/'));
    expect(answer).toMatchObject({ status: 403, flags: '-', body: 'RBAC: access denied', fields: [] });
    expect(decision).toMatchObject({ allowed: false, policy: 'shop/d', rule: 0, reason: 'deny-rule' });
  });
});

describe('a connection whose bytes are not looked at', () => {
  it.each<[string, PolicyInit[], string | undefined]>([
    ['is allowed by what can be asked', [policy('ALLOW', 'a', [SHOP])], undefined],
    ['is refused by what can be asked', [policy('DENY', 'd', [SHOP])], by('d')],
    ['is never allowed by a rule about requests', [policy('ALLOW', 'a', [SHOP], [GET])], NONE],
    ['is never allowed by a rule about what requests are not', [policy('ALLOW', 'a', [isNot('METHOD', 'PUT')])], NONE],
    [
      'is never allowed by a rule of which another match is about requests',
      [{ ...NOTHING, rules: [{ clauses: [{ matches: [{ conditions: [SHOP] }, { conditions: [GET] }] }] }] }],
      NONE,
    ],
    ['is refused by a DENY without its part about requests', [policy('DENY', 'd', [SHOP, PUT])], by('d')],
    ['is not refused by the rest of it when that does not match', [policy('DENY', 'd', [OTHER, GET])], undefined],
    ['is refused by a DENY about requests alone', [policy('DENY', 'd', [PUT])], by('d')],
    ['is refused by a DENY with such a clause beside one that matches', [policy('DENY', 'd', [SHOP], [PUT])], by('d')],
    ['is not refused by it beside one that does not', [policy('DENY', 'd', [OTHER], [PUT])], undefined],
    [
      'is refused by a DENY of which one match is about requests alone',
      [
        {
          ...policy('DENY', 'd'),
          rules: [{ clauses: [{ matches: [{ conditions: [PUT] }, { conditions: [OTHER] }] }] }],
        },
      ],
      by('d'),
    ],
    ['is refused by an ALLOW without rules', [NOTHING], NONE],
  ])('%s', (_, policies, expected) => {
    expect(refusalOfConnection(...policies)).toBe(expected);
  });
});

describe('policies that only watch', () => {
  const dryRun = (init: PolicyInit): PolicyInit => ({ ...init, dryRun: true });
  it.each<[string, PolicyInit, unknown[]]>([
    ['an AUDIT that matches', policy('AUDIT', 'w', [GET]), [{ policy: 'shop/w', action: 'audit', rule: 0 }]],
    ['an AUDIT that does not', policy('AUDIT', 'w', [PUT]), []],
    ['a DENY in dry run that matches', dryRun(policy('DENY', 'd')), [{ policy: 'shop/d', action: 'deny', rule: 0 }]],
    ['a DENY in dry run that does not', dryRun(policy('DENY', 'd', [PUT])), []],
    [
      'an ALLOW in dry run that matches',
      dryRun(policy('ALLOW', 'a')),
      [{ policy: 'shop/a', action: 'allow', rule: 0 }],
    ],
    [
      'an ALLOW in dry run that does not',
      dryRun(policy('ALLOW', 'a', [PUT])),
      [{ policy: 'shop/a', action: 'allow', rule: undefined }],
    ],
  ])('%s is told of', (_, init, findings) => {
    expect(authorization(init).judgeRequest(subjectOf(), factsOf('/')).decision.dryRun).toEqual(findings);
    expect(authorization(init, policy('DENY', 'x')).judgeRequest(subjectOf(), factsOf('/')).decision).toMatchObject({
      allowed: false,
      dryRun: findings,
    });
  });
});

it('without policies there is nothing to ask', () => {
  expect(compileAuthorization([])).toBeUndefined();
});
