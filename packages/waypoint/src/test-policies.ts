import type {
  AuthorizationPolicy,
  PolicyAction,
  PolicyAttribute,
  PolicyCondition,
} from '@ambit/traffic/model/authorization-policy';

// Short ways to write policies down in tests.

export function is(attribute: PolicyAttribute, ...texts: readonly string[]): PolicyCondition {
  return { attribute, name: [], values: texts.map((text) => ({ kind: 'exact', text })), negated: false };
}

/** A policy `shop/<action>` with one rule, for which every condition must hold. */
export function policy(action: PolicyAction, ...conditions: readonly PolicyCondition[]): AuthorizationPolicy {
  const clauses = conditions.map((condition) => ({ matches: [{ conditions: [condition] }] }));
  return { namespace: 'shop', name: action, action, dryRun: false, authorizer: '', rules: [{ clauses }] };
}
