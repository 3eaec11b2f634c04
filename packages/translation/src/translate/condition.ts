import { type ManifestObject, objectName, type ObjectKind } from '../objects.ts';

/** What became of an object, in the terms of a Kubernetes status condition. */
export interface Condition {
  readonly kind: ObjectKind;
  /** `namespace/name`, or the name of a cluster-wide object. */
  readonly name: string;
  readonly type: ConditionType;
  readonly status: 'False' | 'True';
  readonly reason: string;
  readonly message: string;
}

export type ConditionType =
  /** Gateway, GatewayClass, HTTPRoute, GRPCRoute: taken, and in force as far as other conditions do not say otherwise. */
  | 'Accepted'
  /** Service: pods have the named ports it points to. */
  | 'PortsResolved'
  /** Gateway: it can be reached. */
  | 'Programmed'
  /** Service or Namespace: bound to a waypoint. */
  | 'istio.io/WaypointBound'
  /** AuthorizationPolicy: enforced by a waypoint. */
  | 'WaypointAccepted'
  /** AuthorizationPolicy, PeerAuthentication: enforced by the node proxies. */
  | 'ZtunnelAccepted';

export function conditionOf(
  object: ManifestObject,
  type: ConditionType,
  status: Condition['status'],
  reason: string,
  message: string,
): Condition {
  return { kind: object.kind, name: objectName(object.metadata), type, status, reason, message };
}

const GOOD_REASONS: ReadonlySet<string> = new Set(['Accepted', 'Programmed', 'WaypointAccepted']);

/** Whether a condition tells of something that was asked for and is not done as asked. */
export function isComplaint(condition: Condition): boolean {
  return condition.status === 'False' || !GOOD_REASONS.has(condition.reason);
}
