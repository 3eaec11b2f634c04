import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type AuthorizationPolicy as PolicyMessage,
  AuthorizationPolicySchema,
  PolicyAction,
  type PolicyRuleSchema,
} from '@ambit/proto/waypoint';
import { Problems } from '@ambit/traffic/model/problems';
import { readAuthorizationPolicies } from '@ambit/traffic/model/read-authorization';
import { valueOf } from '../../labels.ts';
import type { AuthorizationPolicy, PolicyRule } from '../../objects.ts';
import {
  OPERATION_FIELDS,
  operationCondition,
  type PolicyConditionInit,
  SOURCE_FIELDS,
  sourceCondition,
  whenConditions,
} from './policy-conditions.ts';

type RuleInit = MessageInitShape<typeof PolicyRuleSchema>;

/** What an AuthorizationPolicy with targets means for waypoints. */
export interface WaypointPolicy {
  /** Undefined: no waypoint can judge it. */
  readonly message: PolicyMessage | undefined;
  /** Why none can. */
  readonly obstacle: string | undefined;
  /** It changes what passes. */
  readonly enforced: boolean;
  /** What of it a waypoint cannot judge, as the policy names it; sorted, each once. */
  readonly unsupported: readonly string[];
}

const ACTIONS = {
  ALLOW: PolicyAction.ALLOW,
  DENY: PolicyAction.DENY,
  AUDIT: PolicyAction.AUDIT,
  CUSTOM: PolicyAction.CUSTOM,
} as const;

export function convertWaypointPolicy(policy: AuthorizationPolicy): WaypointPolicy {
  const { spec, metadata } = policy;
  const action = spec.action ?? 'ALLOW';
  const dryRun = valueOf(metadata.annotations, 'istio.io/dry-run') === 'true';
  const enforced = !dryRun && action !== 'AUDIT';
  if (action === 'CUSTOM' && dryRun) {
    return { message: undefined, obstacle: 'no authorizer is asked in dry run', enforced, unsupported: [] };
  }
  const rules = (spec.rules ?? []).map((rule) => convertRule(rule, action, metadata.namespace));
  const message = create(AuthorizationPolicySchema, {
    namespace: metadata.namespace,
    name: metadata.name,
    action: ACTIONS[action],
    dryRun,
    authorizer: action === 'CUSTOM' ? (spec.provider?.name ?? '') : '',
    rules: rules.flatMap(({ rule }) => (rule === undefined ? [] : [rule])),
  });
  const problems = new Problems();
  readAuthorizationPolicies([message], 'authorization_policies', problems);
  const unsupported = [...new Set(rules.flatMap((rule) => rule.unsupported))].sort();
  const [obstacle] = problems.list;
  return { message: obstacle === undefined ? message : undefined, obstacle, enforced, unsupported };
}

interface Alternative {
  readonly conditions: readonly PolicyConditionInit[];
  readonly unsupported: readonly string[];
}

/**
 * What cannot be judged never widens what is let through (docs/adr/0006): an ALLOW rule with any of it is left out, a DENY or
 * CUSTOM rule is kept without it and so denies or asks about more, at the extreme everything.
 */
function convertRule(
  rule: PolicyRule,
  action: keyof typeof ACTIONS,
  namespace: string,
): { readonly rule: RuleInit | undefined; readonly unsupported: readonly string[] } {
  const clauses: Alternative[][] = [
    (rule.from ?? []).map(({ source }) =>
      listed(SOURCE_FIELDS, source, (field, values) => sourceCondition(field, values, namespace)),
    ),
    (rule.to ?? []).map(({ operation }) =>
      listed(OPERATION_FIELDS, operation, (field, values) => operationCondition(field, values, namespace)),
    ),
    ...(rule.when ?? []).map((condition): Alternative[] => {
      const conditions = whenConditions(condition, namespace);
      return [{ conditions: conditions ?? [], unsupported: conditions === undefined ? [condition.key] : [] }];
    }),
  ].filter((alternatives) => alternatives.length > 0);
  const unsupported = clauses.flat().flatMap((alternative) => alternative.unsupported);
  const isKept = action === 'DENY' || action === 'CUSTOM';
  if (!isKept && unsupported.length > 0) return { rule: undefined, unsupported };
  const judged = clauses
    // An alternative without anything to judge is true, and with it the whole clause.
    .filter((alternatives) => alternatives.every(({ conditions }) => conditions.length > 0))
    .map((alternatives) => ({ matches: alternatives.map(({ conditions }) => ({ conditions: [...conditions] })) }));
  return { rule: { clauses: judged }, unsupported };
}

function listed<Field extends string>(
  fields: readonly Field[],
  lists: Readonly<Partial<Record<Field, readonly string[]>>>,
  convert: (field: Field, values: readonly string[]) => PolicyConditionInit | undefined,
): Alternative {
  const conditions: PolicyConditionInit[] = [];
  const unsupported: string[] = [];
  for (const field of fields) {
    const values = lists[field];
    if (values === undefined || values.length === 0) continue;
    const condition = convert(field, values);
    if (condition === undefined) unsupported.push(field);
    else conditions.push(condition);
  }
  return { conditions, unsupported };
}
