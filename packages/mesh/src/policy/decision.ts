import type { PolicyAction } from './policy.ts';

/**
 * Why a connection was let through or not; stable codes for logs, metrics and the refusal header.
 * `no-policy`: nothing applies. `no-deny-match`: only DENY policies apply and none matched.
 * `allow-rule`, `deny-rule`: the named rule matched. `no-allow-match`: ALLOW policies apply and none matched.
 * `policy-unknown`: a policy is named that has not arrived. `policy-invalid`: a policy that could not be read denies.
 */
export type DecisionReason =
  | 'allow-rule'
  | 'deny-rule'
  | 'no-allow-match'
  | 'no-deny-match'
  | 'no-policy'
  | 'policy-invalid'
  | 'policy-unknown';

/** What a policy that is not enforced would have done. */
export interface DryRunFinding {
  /** `namespace/name` */
  readonly policy: string;
  /** `audit`: of a waypoint, of a policy that only watches. */
  readonly action: PolicyAction | 'audit';
  /** Index of the rule that matched; undefined when an ALLOW policy did not match. */
  readonly rule: number | undefined;
}

/** The verdict about one connection. Made once per policy and rule, not per connection: compare by its fields. */
export interface Decision {
  readonly allowed: boolean;
  /** True when the decision may change as soon as the named policy arrives: wait a little, then deny. */
  readonly pending: boolean;
  readonly reason: DecisionReason;
  /** `namespace/name` of the deciding policy; undefined when none decided alone. */
  readonly policy: string | undefined;
  /** Index of the deciding rule. */
  readonly rule: number | undefined;
  /** One sentence for people. */
  readonly message: string;
  readonly dryRun: readonly DryRunFinding[];
}

const NO_FINDINGS: readonly DryRunFinding[] = [];

export const NO_POLICY: Decision = decision(true, 'no-policy', undefined, undefined, 'no policy applies');
export const NO_DENY_MATCH: Decision = decision(true, 'no-deny-match', undefined, undefined, 'no DENY policy matched');

export function allowedBy(policy: string, rule: number): Decision {
  return decision(true, 'allow-rule', policy, rule, `allowed by policy ${policy}, rule ${rule}`);
}

export function deniedBy(policy: string, rule: number, invalid: string | undefined): Decision {
  if (invalid === undefined) {
    return decision(false, 'deny-rule', policy, rule, denial(policy, rule));
  }
  return decision(false, 'policy-invalid', policy, rule, `denied because policy ${policy} is invalid: ${invalid}`);
}

/** What a PeerAuthentication becomes is named after it; istiod has one policy for all that are STRICT without exception. */
const OF_PEER_AUTHENTICATION = /^([^/]+)\/converted_peer_authentication_(.+)$/;
const OF_SOME_PEER_AUTHENTICATION = /\/istio_converted_static_strict$/;

function denial(policy: string, rule: number): string {
  const [, namespace, name] = OF_PEER_AUTHENTICATION.exec(policy) ?? [];
  if (namespace !== undefined && name !== undefined)
    return `denied by PeerAuthentication ${namespace}/${name}, which wants mutual TLS (policy ${policy})`;
  if (OF_SOME_PEER_AUTHENTICATION.test(policy))
    return `denied by a PeerAuthentication that is STRICT (policy ${policy})`;
  return `denied by policy ${policy}, rule ${rule}`;
}

/** The refusal when `policies` (ALLOW, at least one) apply and none matched; the policy is named when it is only one. */
export function noAllowMatch(policies: readonly string[]): Decision {
  const only = policies.length === 1 ? policies[0] : undefined;
  const shown = policies.slice(0, 5).join(', ') + (policies.length > 5 ? ', …' : '');
  return decision(false, 'no-allow-match', only, undefined, `not allowed by any of the ALLOW policies: ${shown}`);
}

export function policyUnknown(policy: string): Decision {
  const message = `policy ${policy} is named for this workload but has not arrived`;
  return { ...decision(false, 'policy-unknown', policy, undefined, message), pending: true };
}

function decision(
  allowed: boolean,
  reason: DecisionReason,
  policy: string | undefined,
  rule: number | undefined,
  message: string,
): Decision {
  return { allowed, pending: false, reason, policy, rule, message, dryRun: NO_FINDINGS };
}
