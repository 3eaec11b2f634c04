import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { reasonField, reasonOf } from '@ambit/hbone/reason';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { Refusal } from '@ambit/mesh/route/refusal';

/** A refusal by policy. `policy` names the deciding one, `rule` its rule. */
export class PolicyError extends AmbitError {
  readonly decision: Decision;

  constructor(decision: Decision, circumstance: string | undefined) {
    super(
      'AMBIT_POLICY_DENIED',
      circumstance === undefined ? decision.message : `${decision.message} (${circumstance})`,
      { source: 'configuration' },
    );
    this.decision = decision;
  }
}

/** `circumstance` is said when the refusal is not that of a new connection. */
export function forbidden(decision: Decision, circumstance?: string): PolicyError {
  return new PolicyError(decision, circumstance);
}

export function unroutable(refusal: Refusal): AmbitError {
  return new AmbitError(`AMBIT_ROUTE_${refusal.reason.toUpperCase().replaceAll('-', '_')}`, refusal.message, {
    source: 'peer',
  });
}

export function applicationUnreachable(target: SocketAddress, cause: AmbitError): AmbitError {
  // It was never asked.
  if (cause.code === 'AMBIT_DESCRIPTORS') return cause;
  return new AmbitError(
    'AMBIT_APPLICATION_UNREACHABLE',
    `the application does not take connections at ${formatSocketAddress(target)}: ${cause.message}`,
    {
      source: 'application',
      retryable: true,
      cause,
    },
  );
}

/** What a peer's refusal of a CONNECT means here. */
export function refusedByPeer(status: number, fields: readonly string[]): AmbitError {
  const reason = reasonOf(fields);
  const policy = reason?.policy === undefined ? '' : ` by policy ${reason.policy}`;
  const said = reason === undefined ? '' : `: ${reason.code}${policy}`;
  switch (status) {
    case 401:
      return new AmbitError('AMBIT_PEER_DENIED', `a policy at the destination denies the connection (401)${said}`, {
        source: 'peer',
      });
    case 400:
      return new AmbitError(
        'AMBIT_PEER_BAD_REQUEST',
        `the destination's proxy does not serve this address (400)${said}; does the controller know where the pod is?`,
        { source: 'peer' },
      );
    case 503:
      return new AmbitError('AMBIT_PEER_UNAVAILABLE', `the destination does not take the connection (503)${said}`, {
        source: 'peer',
        retryable: true,
      });
    default:
      return new AmbitError('AMBIT_PEER_STATUS', `the destination's proxy answered ${status}${said}`, {
        source: 'peer',
      });
  }
}

/** The field that tells a peer why: code, and the policy when one decided. */
export function reasonFields(error: AmbitError): string[] {
  return reasonField(error.code, error instanceof PolicyError ? error.decision.policy : undefined);
}
