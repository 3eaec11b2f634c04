import type { Model } from '@ambit/translation/model';
import type { Metadata } from '@ambit/translation/objects';
import { WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { type ConditionFacts, factsOf } from './condition-record.ts';
import type { DesiredStatus } from './desired-status.ts';
import type { FactsByObject } from './facts-by-object.ts';

/** How the conditions of a kind are written. */
interface Row {
  readonly kind:
    | 'AuthorizationPolicy'
    | 'DestinationRule'
    | 'GatewayClass'
    | 'PeerAuthentication'
    | 'RequestAuthentication'
    | 'Service'
    | 'ServiceEntry'
    | 'Telemetry'
    | 'VirtualService'
    | 'WorkloadEntry';
  readonly objects: (model: Model) => ReadonlyMap<string, { readonly metadata: Metadata }>;
  readonly types: readonly string[];
  /** By condition that is written; names as Istio's where it writes the same. */
  readonly fieldManager: (types: readonly string[]) => string;
  readonly atomic: boolean;
  /** Of the condition that says that an object is wrong; undefined: objects of the kind are never refused. */
  readonly refusal?: { readonly type: string; readonly reason: string };
}

const ZTUNNEL = 'istio-ambient-ztunnel-policy';
const WAYPOINT = 'istio-ambient-waypoint-policy';

const ROWS: readonly Row[] = [
  {
    kind: 'AuthorizationPolicy',
    objects: (model) => model.authorizationPolicies,
    types: ['ZtunnelAccepted', 'WaypointAccepted'],
    fieldManager: (types) => (types.includes('WaypointAccepted') ? WAYPOINT : ZTUNNEL),
    atomic: true,
    refusal: { type: 'ZtunnelAccepted', reason: 'Invalid' },
  },
  {
    kind: 'PeerAuthentication',
    objects: (model) => model.peerAuthentications,
    types: ['ZtunnelAccepted'],
    fieldManager: () => ZTUNNEL,
    atomic: true,
    refusal: { type: 'ZtunnelAccepted', reason: 'Invalid' },
  },
  {
    kind: 'RequestAuthentication',
    objects: (model) => model.requestAuthentications,
    types: ['WaypointAccepted'],
    fieldManager: () => WAYPOINT,
    atomic: true,
    refusal: { type: 'WaypointAccepted', reason: 'Invalid' },
  },
  {
    kind: 'Telemetry',
    objects: (model) => model.telemetries,
    // `Accepted` was said by releases to which nothing of it meant anything.
    types: ['WaypointAccepted', 'Accepted'],
    fieldManager: () => WAYPOINT,
    atomic: true,
    refusal: { type: 'WaypointAccepted', reason: 'Invalid' },
  },
  {
    kind: 'VirtualService',
    objects: (model) => model.virtualServices,
    types: ['WaypointAccepted', 'ResolvedRefs'],
    fieldManager: () => WAYPOINT,
    atomic: true,
    refusal: { type: 'WaypointAccepted', reason: 'Invalid' },
  },
  {
    kind: 'DestinationRule',
    objects: (model) => model.destinationRules,
    types: ['WaypointAccepted', 'ResolvedRefs'],
    fieldManager: () => WAYPOINT,
    atomic: true,
    refusal: { type: 'WaypointAccepted', reason: 'Invalid' },
  },
  {
    kind: 'Service',
    objects: (model) => model.services,
    types: ['istio.io/WaypointBound', 'PortsResolved'],
    fieldManager: () => 'istio-ambient-service',
    atomic: false,
  },
  {
    kind: 'ServiceEntry',
    objects: (model) => model.serviceEntries,
    // `Accepted` was said by releases to which nothing of it meant anything.
    types: ['istio.io/WaypointBound', 'istio.io/WaypointMissing', 'ZtunnelAccepted', 'Accepted'],
    fieldManager: () => 'istio-ambient-service',
    atomic: true,
    refusal: { type: 'ZtunnelAccepted', reason: 'Invalid' },
  },
  {
    kind: 'WorkloadEntry',
    objects: (model) => model.workloadEntries,
    types: ['istio.io/WaypointBound', 'ZtunnelAccepted', 'Accepted'],
    fieldManager: () => 'istio-ambient-workloadentry',
    atomic: true,
    refusal: { type: 'ZtunnelAccepted', reason: 'Invalid' },
  },
  {
    kind: 'GatewayClass',
    // Those of other controllers are theirs to speak of.
    objects: ({ gatewayClasses }) =>
      new Map([...gatewayClasses].filter(([, { spec }]) => spec.controllerName === WAYPOINT_CONTROLLER)),
    types: ['Accepted'],
    fieldManager: () => WAYPOINT_CONTROLLER,
    atomic: false,
    refusal: { type: 'Accepted', reason: 'Unsupported' },
  },
];

/** The statuses of kinds that carry nothing but conditions. */
export function plainStatuses({ model, translation }: MeshSnapshot, facts: FactsByObject): DesiredStatus[] {
  return ROWS.flatMap((row) => {
    const objects = row.objects(model);
    const names = new Set([...objects.keys(), ...(row.kind === 'GatewayClass' ? [] : facts.refused(row.kind))]);
    return Array.from(names, (name): DesiredStatus => {
      const conditions = conditionsOf(row, name, objects.get(name)?.metadata.generation, facts);
      const { kind, types, atomic } = row;
      const fieldManager = row.fieldManager(conditions.map(({ type }) => type));
      const desired = { shape: 'conditions', kind, name, fieldManager, types, atomic, conditions } as const;
      if (kind !== 'ServiceEntry') return desired;
      return { ...desired, addresses: translation.allocatedAddresses.get(name) ?? [] };
    });
  });
}

function conditionsOf(
  { kind, types, refusal }: Row,
  name: string,
  generation: number | undefined,
  facts: FactsByObject,
): ConditionFacts[] {
  const said = facts
    .conditions(kind, name)
    .filter(({ type }) => types.includes(type))
    .map((condition) => factsOf(condition, generation));
  const refused = facts.refusal(kind, name);
  if (refused === undefined || refusal === undefined) return said;
  // What was good before tells by whom it is judged.
  const type = said.find((other) => other.type.endsWith('Accepted'))?.type ?? refusal.type;
  const verdict: ConditionFacts = {
    ...{ type, status: 'False', reason: refusal.reason },
    ...{ message: refused.message, generation: refused.generation },
  };
  return [verdict, ...said.filter((other) => other.type !== type)];
}
