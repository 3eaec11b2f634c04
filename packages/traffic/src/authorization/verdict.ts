import type { Decision } from '@ambit/mesh/policy/decision';
import { type LocalAnswer, localAnswer } from '../local-answer.ts';

/** What policies say of a request or connection. Made once per policy and rule, as the decision in it. */
export interface Verdict {
  readonly decision: Decision;
  /** To a request that is refused; undefined when it is allowed. Its details name the policy as Istio does. */
  readonly answer: LocalAnswer | undefined;
}

export function verdictOf(decision: Decision): Verdict {
  return { decision, answer: decision.allowed ? undefined : refusalOf(decision) };
}

function refusalOf({ policy, rule }: Decision): LocalAnswer {
  return localAnswer(403, '-', `rbac_access_denied_matched_policy[${matched(policy, rule)}]`, 'RBAC: access denied');
}

function matched(policy: string | undefined, rule: number | undefined): string {
  if (policy === undefined || rule === undefined) return 'none';
  const [namespace = '', name = ''] = policy.split('/');
  return `ns[${namespace}]-policy[${name}]-rule[${rule}]`;
}
