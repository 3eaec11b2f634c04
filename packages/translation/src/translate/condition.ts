import type { ParentReference } from '../gateway-objects.ts';
import { type Metadata, objectName, type ObjectKind } from '../objects.ts';

/** What became of an object, in the terms of a Kubernetes status condition. */
export interface Condition {
  readonly kind: ObjectKind;
  /** `namespace/name`, or the name of a cluster-wide object. */
  readonly name: string;
  readonly type: ConditionType;
  readonly status: 'False' | 'True';
  readonly reason: string;
  readonly message: string;
  /** Of a route: the parentRef that this is about, as written. Of a policy: the Gateway that is its ancestor. */
  readonly parent?: ParentReference;
}

export type ConditionType =
  /** Gateway, GatewayClass, routes of the Gateway API, BackendTLSPolicy, ConfigMap with the mesh's settings: taken, and in force as far as other conditions do not say otherwise. */
  | 'Accepted'
  /** HTTPRoute, GRPCRoute: some rules are not in force. */
  | 'PartiallyInvalid'
  /** Service: pods have the named ports it points to. */
  | 'PortsResolved'
  /** Gateway: it can be reached. */
  | 'Programmed'
  /** Routes of the Gateway API, VirtualService, BackendTLSPolicy: what it names is there. */
  | 'ResolvedRefs'
  /** Routes of the Gateway API: a waypoint is there to act on it. */
  | 'ResolvedWaypoints'
  /** Service, ServiceEntry, WorkloadEntry or Namespace: bound to a waypoint. */
  | 'istio.io/WaypointBound'
  /** ServiceEntry: something that it asks for needs a waypoint, or is not done at one. True is the bad news. */
  | 'istio.io/WaypointMissing'
  /** AuthorizationPolicy, DestinationRule, RequestAuthentication, Telemetry, VirtualService: enforced by a waypoint. */
  | 'WaypointAccepted'
  /** AuthorizationPolicy, PeerAuthentication: enforced by the node proxies. ServiceEntry, WorkloadEntry: known to them. */
  | 'ZtunnelAccepted';

export function conditionOf(
  object: { readonly kind: ObjectKind; readonly metadata: Metadata },
  type: ConditionType,
  status: Condition['status'],
  reason: string,
  message: string,
): Condition {
  return { kind: object.kind, name: objectName(object.metadata), type, status, reason, message };
}

const GOOD_REASONS: ReadonlySet<string> = new Set([
  'Accepted',
  'Programmed',
  'ResolvedRefs',
  'ResolvedWaypoints',
  'WaypointAccepted',
]);

/** The object that a condition is about: `Kind namespace/name`, for a route with the parent. */
export function subjectOf({ kind, name, parent }: Condition): string {
  if (parent === undefined) return `${kind} ${name}`;
  const { namespace, name: parentName, sectionName, port } = parent;
  const place = [sectionName, port].filter((part) => part !== undefined).join(':');
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  return `${kind} ${name} on ${parent.kind ?? 'Gateway'} ${prefix}${parentName}${place === '' ? '' : `:${place}`}`;
}

/** Whether a condition tells of something that was asked for and is not done as asked. */
export function isComplaint(condition: Condition): boolean {
  return condition.status === 'False' || !GOOD_REASONS.has(condition.reason);
}
