import type { Workload } from '../workload.ts';

/**
 * Why a connection cannot be routed; stable codes for logs, metrics and the refusal header.
 * `self-call`: the destination is one of the proxy's own ports. `no-healthy-upstream`: a service without usable endpoint.
 * `waypoint-unresolved`, `gateway-unresolved`: a waypoint or network gateway is named that cannot be reached.
 * `remote-network`: the endpoint is in another network and nothing says how to get there.
 * `service-invalid`, `workload-invalid`: the controller's description was refused when it came. `workload-unknown`: the pod
 * is not known yet.
 * `bad-authority`: the CONNECT target is no address or hostname with a port. `not-this-pod`: it names another pod.
 * `unknown-host`: it names no service of this pod. `unknown-port`: the service has no such port.
 */
export type RefusalReason =
  | 'bad-authority'
  | 'gateway-unresolved'
  | 'no-healthy-upstream'
  | 'not-this-pod'
  | 'remote-network'
  | 'self-call'
  | 'service-invalid'
  | 'unknown-host'
  | 'unknown-port'
  | 'waypoint-unresolved'
  | 'workload-invalid'
  | 'workload-unknown';

/** A connection that is not made, and why. */
export interface Refusal {
  readonly kind: 'refuse';
  readonly reason: RefusalReason;
  /** One sentence for people, naming the object. */
  readonly message: string;
}

/** The refusal of all that has to do with a workload that could not be taken. */
export function refuseInvalid(workload: Workload): Refusal {
  return refuse('workload-invalid', `workload ${workload.uid} could not be taken: ${workload.invalid ?? ''}`);
}

export function refuse(reason: RefusalReason, message: string): Refusal {
  return { kind: 'refuse', reason, message };
}
