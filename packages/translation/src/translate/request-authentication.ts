import type { RequestAuthentication } from '../objects.ts';
import { targetsOf } from './authorization-policy.ts';
import { type Condition, conditionOf } from './condition.ts';
import { convertTokenRules } from './waypoint/token-rules.ts';

/** Whether requests that carry a token are to be judged by it. */
export function asksForTokens({ spec }: RequestAuthentication): boolean {
  return (spec.jwtRules ?? []).length > 0;
}

/** Why nothing comes of it, whatever it targets; undefined: that depends on its targets. */
export function ineffectiveTokensCondition(policy: RequestAuthentication): Condition | undefined {
  if (!asksForTokens(policy)) {
    return conditionOf(policy, 'WaypointAccepted', 'True', 'Accepted', 'it has no jwtRules, so it asks for nothing');
  }
  if (targetsOf(policy).length > 0) return undefined;
  const message = 'only what stands in targetRefs reaches a waypoint, and node proxies see no tokens; it has no effect';
  return conditionOf(policy, 'WaypointAccepted', 'False', 'UnsupportedValue', message);
}

/** What of it is not done as it is written, judged without any other object; undefined: nothing. */
export function tokensRemark(policy: RequestAuthentication): string | undefined {
  const ineffective = ineffectiveTokensCondition(policy);
  if (ineffective !== undefined) return ineffective.status === 'False' ? ineffective.message : undefined;
  const { obstacle } = convertTokenRules(policy);
  return obstacle === undefined ? undefined : `${obstacle}, so what it targets is served on no port`;
}
