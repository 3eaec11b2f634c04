import { HttpRouteSchema, RetryPolicySchema } from '@ambit/proto/waypoint';
import { create } from '@bufbuild/protobuf';
import { MAX_RETRIES } from '@ambit/traffic/limits';
import { locatedJson } from '../../manifest/json.ts';
import { checkObject, FindingList } from '../../schema/check.ts';
import type { VirtualRetry } from '../../traffic-objects.ts';
import { DEFAULT_RETRY, retryOnNotHonoured, type RetryPolicyInit, virtualRetry } from './retry.ts';
import type { HttpRouteInit } from './served-route.ts';

const FIELD = 'defaultHttpRetryPolicy';

/**
 * What is tried again where no object says so: `defaultHttpRetryPolicy` of MeshConfig, from the whole as it was parsed, or Istio's
 * default. A problem leaves the latter in force.
 */
export function readMeshRetry(config: unknown): RetryPolicyInit | { readonly problem: string } {
  const value: unknown = typeof config === 'object' && config !== null ? Reflect.get(config, FIELD) : undefined;
  if (value === undefined || value === null) return DEFAULT_RETRY;
  const located = locatedJson(value);
  if (located === undefined) return { problem: `${FIELD} is not an object` };
  const findings = new FindingList();
  const setting: VirtualRetry = checkObject('VirtualRetry', located, FIELD, findings);
  const problems = findings.list.map(({ path, message }) => `${path}: ${message}`);
  if (problems.length === 0) {
    const { attempts = 0, retryOn = '' } = setting;
    if (attempts > MAX_RETRIES) problems.push(`${FIELD}.attempts: ${attempts} is more than ${MAX_RETRIES}`);
    problems.push(...retryOnNotHonoured(retryOn).map((word) => `${FIELD}.retryOn ${word}`));
  }
  return problems.length === 0 ? virtualRetry(setting) : { problem: `not honoured: ${problems.join('; ')}` };
}

/** Has a route tried again as the mesh says, if no object says how often; the time that one gives to each try stays. */
export function withMeshRetry(route: HttpRouteInit, mesh: RetryPolicyInit): HttpRouteInit {
  if (route.action?.case !== 'forward') return route;
  const { retry } = route.action.value;
  if (retry === undefined || retry.retries !== undefined) return route;
  const merged = create(RetryPolicySchema, mesh);
  if (retry.perTryTimeoutMs !== undefined) merged.perTryTimeoutMs = retry.perTryTimeoutMs;
  const filled = create(HttpRouteSchema, route);
  if (filled.action.case === 'forward') filled.action.value.retry = merged;
  return filled;
}
