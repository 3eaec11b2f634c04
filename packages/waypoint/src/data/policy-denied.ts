import { AmbitError } from '@ambit/core/errors';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { LocalAnswer } from '@ambit/traffic/local-answer';
import type { Verdict } from '@ambit/traffic/authorization/verdict';

/** A connection that policies do not allow. */
export class PolicyDenied extends AmbitError {
  readonly decision: Decision;
  /** `namespace/name` of the one that decided; undefined when none did alone. */
  readonly policy: string | undefined;
  /** As Istio writes it: `rbac_access_denied_matched_policy[…]`. */
  readonly details: string;
  /** To a request. */
  readonly answer: LocalAnswer | undefined;

  /** `circumstance` is said when the connection was allowed before. */
  constructor({ decision, answer }: Verdict, circumstance?: string) {
    const { message, policy } = decision;
    super('AMBIT_POLICY_DENIED', circumstance === undefined ? message : `${message} (${circumstance})`, {
      source: 'configuration',
    });
    this.decision = decision;
    this.policy = policy;
    this.answer = answer;
    this.details = answer?.details ?? '';
  }
}
