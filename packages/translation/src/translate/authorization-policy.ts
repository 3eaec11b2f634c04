import { create } from '@bufbuild/protobuf';
import { Action, type Authorization, AuthorizationSchema, Scope } from '@ambit/proto/authorization';
import { valueOf } from '../labels.ts';
import type { AuthorizationPolicy, PolicyTargetReference, RequestAuthentication } from '../objects.ts';
import type { Telemetry } from '../telemetry-objects.ts';
import { type Condition, conditionOf } from './condition.ts';
import { convertRule } from './policy-rule.ts';
import type { TranslationSettings } from './settings.ts';

export interface ConvertedPolicy {
  /** Undefined: not sent to node proxies. */
  readonly authorization: Authorization | undefined;
  readonly condition: Condition;
}

/** Objects that a policy names as its targets, judged by waypoints alone. */
export function targetsOf({
  spec,
}: Pick<AuthorizationPolicy | RequestAuthentication | Telemetry, 'spec'>): readonly PolicyTargetReference[] {
  return spec.targetRefs ?? (spec.targetRef === undefined ? [] : [spec.targetRef]);
}

/** Converts a policy without targets to what node proxies enforce. */
export function convertAuthorizationPolicy(
  policy: AuthorizationPolicy,
  settings: TranslationSettings,
): ConvertedPolicy {
  const { spec, metadata } = policy;
  const action = spec.action ?? 'ALLOW';
  if (action === 'AUDIT' || action === 'CUSTOM') {
    return notSent(
      policy,
      'ZtunnelAccepted',
      'UnsupportedValue',
      `node proxies do not know the action ${action}; the policy has no effect`,
    );
  }
  const dryRun = valueOf(metadata.annotations, 'istio.io/dry-run') === 'true';
  if (dryRun && !settings.sendDryRunPolicies) {
    return notSent(
      policy,
      'ZtunnelAccepted',
      'UnsupportedValue',
      'the policy is in dry run, which is switched off; it has no effect',
    );
  }
  const rules = (spec.rules ?? []).map((rule) => convertRule(rule, action, metadata.namespace));
  const authorization = create(AuthorizationSchema, {
    name: metadata.name,
    namespace: metadata.namespace,
    scope: scopeOf(policy, settings),
    action: action === 'DENY' ? Action.DENY : Action.ALLOW,
    rules: rules.flatMap(({ rule }) => (rule === undefined ? [] : [rule])),
    dryRun,
  });
  const unsupported = [...new Set(rules.flatMap((rule) => rule.unsupported))].sort();
  const condition =
    unsupported.length === 0
      ? conditionOf(policy, 'ZtunnelAccepted', 'True', 'Accepted', 'enforced by node proxies')
      : conditionOf(
          policy,
          'ZtunnelAccepted',
          'True',
          'UnsupportedValue',
          consequenceOf(action, unsupported, authorization),
        );
  return { authorization, condition };
}

function notSent(
  policy: AuthorizationPolicy,
  type: Condition['type'],
  reason: string,
  message: string,
): ConvertedPolicy {
  return { authorization: undefined, condition: conditionOf(policy, type, 'False', reason, message) };
}

function scopeOf({ spec, metadata }: AuthorizationPolicy, settings: TranslationSettings): Scope {
  if (spec.selector !== undefined) return Scope.WORKLOAD_SELECTOR;
  return metadata.namespace === settings.rootNamespace ? Scope.GLOBAL : Scope.NAMESPACE;
}

function consequenceOf(action: 'ALLOW' | 'DENY', unsupported: readonly string[], { rules }: Authorization): string {
  const cannot = `node proxies cannot judge ${unsupported.join(', ')}`;
  if (action === 'ALLOW') {
    const left = rules.length === 0 ? 'none is left, so the policy allows nothing' : 'less is allowed than written';
    return `${cannot}: rules with it are left out, ${left}`;
  }
  const everything = rules.some((rule) => rule.clauses.length === 0);
  return `${cannot}: rules are enforced without it, ${everything ? 'and one of them denies everything' : 'so more is denied than written'}`;
}
