import { requireSpiffeId } from '@ambit/core/spiffe';
import { type ConnectionFacts, Subject } from '@ambit/mesh/policy/subject';
import {
  type AuthorizationPolicy,
  type AuthorizationPolicySchema,
  PolicyAction,
  PolicyAttribute,
  type PolicyCondition,
  type PolicyConditionSchema,
  type ValuePatternSchema,
} from '@ambit/proto/waypoint';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { cartService, read } from '../test-service.ts';
import { CompiledAuthorization } from './compiled-authorization.ts';

// Short ways to write policies down in tests.

export type PolicyInit = Exclude<MessageInitShape<typeof AuthorizationPolicySchema>, AuthorizationPolicy>;
export type ConditionInit = Exclude<MessageInitShape<typeof PolicyConditionSchema>, PolicyCondition>;
type PatternInit = MessageInitShape<typeof ValuePatternSchema>;

type Attribute = keyof typeof PolicyAttribute;

/** `*` any value, `x*` a prefix, `*x` a suffix; with `{` a template; else the text itself. */
function pattern(text: string): PatternInit {
  if (text === '*') return { kind: { case: 'present', value: true } };
  if (text.includes('{')) return { kind: { case: 'pathTemplate', value: text } };
  if (text.startsWith('*')) return { kind: { case: 'suffix', value: text.slice(1) } };
  if (text.endsWith('*')) return { kind: { case: 'prefix', value: text.slice(0, -1) } };
  return { kind: { case: 'exact', value: text } };
}

/** `HEADER x-tenant` names the header, `CLAIM a/b` the claim. */
export function is(attribute: Attribute | `CLAIM ${string}` | `HEADER ${string}`, ...values: string[]): ConditionInit {
  const [kind = '', name] = attribute.split(' ');
  return {
    attribute: PolicyAttribute[kind as Attribute],
    name: name === undefined ? [] : name.split('/'),
    values: values.map(pattern),
  };
}

export function isNot(...condition: Parameters<typeof is>): ConditionInit {
  return { ...is(...condition), negated: true };
}

/** A policy `shop/<name>` whose one rule has a clause for each list of conditions. */
export function policy(action: keyof typeof PolicyAction, name: string, ...clauses: ConditionInit[][]): PolicyInit {
  return {
    namespace: 'shop',
    name,
    action: PolicyAction[action],
    rules: [{ clauses: clauses.map((conditions) => ({ matches: [{ conditions }] })) }],
  };
}

export function authorization(...policies: PolicyInit[]): CompiledAuthorization {
  return new CompiledAuthorization(read(cartService({ authorizationPolicies: policies })).authorizationPolicies);
}

/** The client of a connection: `shop/web` from 10.0.0.7 to 10.96.0.1:80, unless told otherwise. */
export function subjectOf(facts: Partial<ConnectionFacts> = {}): Subject {
  return new Subject().become({
    identity: requireSpiffeId('spiffe://cluster.local/ns/shop/sa/web'),
    sourceIp: '10.0.0.7',
    destinationIp: '10.96.0.1',
    destinationPort: 80,
    ...facts,
  });
}
