import type { RequestAuthentication } from '../objects.ts';
import { targetsOf } from './authorization-policy.ts';
import { type Condition, conditionOf } from './condition.ts';

/** Whether requests that carry a token are to be judged by it. */
export function asksForTokens({ spec }: RequestAuthentication): boolean {
  return (spec.jwtRules ?? []).length > 0;
}

/** Says of a policy what becomes of it: nobody verifies tokens, so requests with any would pass. */
export function requestAuthenticationCondition(policy: RequestAuthentication): Condition {
  if (!asksForTokens(policy)) {
    return conditionOf(policy, 'WaypointAccepted', 'True', 'Accepted', 'it has no jwtRules, so it asks for nothing');
  }
  const message =
    targetsOf(policy).length > 0
      ? 'waypoints cannot verify tokens; what it targets is refused where a waypoint is asked for, else it has no effect'
      : 'only what stands in targetRefs reaches a waypoint, and node proxies see no tokens; it has no effect';
  return conditionOf(policy, 'WaypointAccepted', 'False', 'UnsupportedValue', message);
}
