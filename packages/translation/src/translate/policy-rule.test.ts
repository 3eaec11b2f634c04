import { create } from '@bufbuild/protobuf';
import { authorize } from '@ambit/mesh/policy/authorize';
import { compilePolicy } from '@ambit/mesh/policy/compile';
import { PolicySet } from '@ambit/mesh/policy/policy-set';
import { readPolicy } from '@ambit/mesh/resource/read-policy';
import { Action, AuthorizationSchema } from '@ambit/proto/authorization';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertRule, type RuleInit } from './policy-rule.ts';
import type { PolicyRule } from '../objects.ts';

interface Facts {
  readonly namespace: string;
  readonly port: number;
  /** Whether what a node proxy cannot judge holds. */
  readonly beyond: boolean;
}

/** The rule as its author means it, for the fields that the generator uses. */
function holds({ from, to, when }: PolicyRule, { namespace, port, beyond }: Facts): boolean {
  const source = (from ?? []).map(
    ({ source: s }) =>
      (s.namespaces?.includes(namespace) ?? true) &&
      !(s.notNamespaces?.includes(namespace) ?? false) &&
      (s.trustDomains === undefined || beyond),
  );
  const operation = (to ?? []).map(
    ({ operation: o }) => (o.ports?.includes(String(port)) ?? true) && (o.methods === undefined || beyond),
  );
  const conditions = (when ?? []).map(({ key, values = [], notValues = [] }) => {
    if (key !== 'destination.port') return beyond;
    return (values.length === 0 || values.includes(String(port))) && !notValues.includes(String(port));
  });
  return (
    (from === undefined || source.includes(true)) &&
    (to === undefined || operation.includes(true)) &&
    !conditions.includes(false)
  );
}

/** What a node proxy makes of the converted rule. */
function matches(rule: RuleInit | undefined, action: 'ALLOW' | 'DENY', { namespace, port }: Facts): boolean {
  const authorization = create(AuthorizationSchema, {
    name: 'p',
    namespace: 'ns',
    action: action === 'ALLOW' ? Action.ALLOW : Action.DENY,
    rules: rule === undefined ? [] : [rule],
  });
  const problems: string[] = [];
  const policies = new PolicySet([compilePolicy(readPolicy(authorization, problems))], []);
  expect(problems).toEqual([]);
  const identity = namespace === '' ? undefined : { trustDomain: 'cluster.local', namespace, serviceAccount: 'x' };
  const facts = { identity, sourceIp: '10.0.0.1', destinationIp: '10.0.0.2', destinationPort: port };
  return authorize(facts, policies).allowed === (action === 'ALLOW');
}

const namespaces = fc.subarray(['a', 'b', 'c'], { minLength: 1 });
const ports = fc.subarray(['1', '2'], { minLength: 1 });
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(value, { minLength: 1, maxLength: 3 });
const sourceLists = fc.record(
  { namespaces, notNamespaces: namespaces, trustDomains: fc.constant(['t']) },
  { requiredKeys: [] },
);
const operationLists = fc.record({ ports, methods: fc.constant(['GET']) }, { requiredKeys: [] });
const rule: fc.Arbitrary<PolicyRule> = fc.record(
  {
    from: some(sourceLists.filter((s) => Object.keys(s).length > 0).map((source) => ({ source }))),
    to: some(operationLists.filter((o) => Object.keys(o).length > 0).map((operation) => ({ operation }))),
    when: some(
      fc.oneof(
        fc.record({ key: fc.constant('destination.port'), values: ports, notValues: ports }),
        fc.record({ key: fc.constant('destination.port'), notValues: ports }),
        fc.record({ key: fc.constant('request.headers[x]'), values: fc.constant(['1']) }),
      ),
    ),
  },
  { requiredKeys: [] },
);
const facts: fc.Arbitrary<Facts> = fc.record({
  namespace: fc.constantFrom('a', 'b', 'c', ''),
  port: fc.constantFrom(1, 2, 3),
  beyond: fc.boolean(),
});

describe('convertRule', () => {
  it('never allows what the rule does not', () => {
    fc.assert(
      fc.property(rule, facts, (written, fact) => {
        if (matches(convertRule(written, 'ALLOW', 'ns').rule, 'ALLOW', fact)) expect(holds(written, fact)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never fails to deny what the rule denies', () => {
    fc.assert(
      fc.property(rule, facts, (written, fact) => {
        if (holds(written, fact)) expect(matches(convertRule(written, 'DENY', 'ns').rule, 'DENY', fact)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is exact when everything can be judged', () => {
    fc.assert(
      fc.property(rule, facts, fc.constantFrom('ALLOW' as const, 'DENY' as const), (written, fact, action) => {
        const converted = convertRule(written, action, 'ns');
        if (converted.unsupported.length === 0)
          expect(matches(converted.rule, action, fact)).toBe(holds(written, fact));
      }),
      { numRuns: 2_000 },
    );
  });
});
