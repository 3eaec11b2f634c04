import type { Gateway } from '@ambit/translation/gateway-objects';
import { WAYPOINT_CLASSES, WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { hboneListener } from '@ambit/translation/translate/waypoint/gateways';
import { revisionOf } from '@ambit/translation/translate/revision';
import type { DeployProblem } from '../deploy/waypoint-deployer.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { type RawObject, textUnder } from '../watch/api-object.ts';
import { type ConditionFacts, factsOf } from './condition-record.ts';
import type { DesiredListener, DesiredStatus, GatewayAddress } from './desired-status.ts';
import type { FactsByObject } from './facts-by-object.ts';

export interface GatewayStatusParts {
  readonly clusterDomain: string;
  /** By `namespace/name`. */
  readonly deployProblems: ReadonlyMap<string, DeployProblem>;
  /** Gateways of others have their own controllers. */
  readonly revision: string;
  /** A Gateway as it is written, whether it can be taken or not. */
  readonly raw: (name: string) => RawObject | undefined;
}

/** The statuses of the Gateways whose class and revision are this controller's. */
export function gatewayStatuses(
  snapshot: MeshSnapshot,
  facts: FactsByObject,
  parts: GatewayStatusParts,
): DesiredStatus[] {
  const { gateways, gatewayClasses, namespaces } = snapshot.model;
  const isOfRevision = (name: string): boolean => {
    const metadata = parts.raw(name)?.metadata ?? gateways.get(name)?.metadata ?? { name: '' };
    return revisionOf(metadata, namespaces.get(name.slice(0, name.indexOf('/')))) === parts.revision;
  };
  const isOurs = (gatewayClass: string | undefined): boolean => {
    const controller = gatewayClasses.get(gatewayClass ?? '')?.spec.controllerName;
    return controller === undefined
      ? WAYPOINT_CLASSES.includes(gatewayClass ?? '')
      : controller === WAYPOINT_CONTROLLER;
  };
  return [...new Set([...gateways.keys(), ...facts.refused('Gateway')])]
    .filter((name) => {
      const gatewayClass = gateways.get(name)?.spec.gatewayClassName;
      return isOfRevision(name) && isOurs(gatewayClass ?? textUnder(parts.raw(name)?.spec, 'gatewayClassName'));
    })
    .map((name): DesiredStatus => {
      const conditions = conditionsOf(name, gateways.get(name)?.metadata.generation, facts, parts);
      return {
        ...{ shape: 'gateway', kind: 'Gateway', name, fieldManager: WAYPOINT_CONTROLLER, conditions },
        addresses: addressesOf(name, snapshot, parts.clusterDomain),
        listeners: listenersOf(gateways.get(name), conditions),
      };
    });
}

function conditionsOf(
  name: string,
  generation: number | undefined,
  facts: FactsByObject,
  { deployProblems }: GatewayStatusParts,
): ConditionFacts[] {
  const said = new Map<string, ConditionFacts>();
  for (const condition of facts.conditions('Gateway', name)) said.set(condition.type, factsOf(condition, generation));
  const problem = deployProblems.get(name);
  // A Gateway that is refused is not deployed, and its refusal is what counts.
  if (problem !== undefined && said.get('Accepted')?.status === 'True') {
    said.set(problem.type, { ...problem, status: 'False', generation });
  }
  const refused = facts.refusal('Gateway', name);
  if (refused !== undefined) {
    const { message } = refused;
    said.set('Accepted', {
      type: 'Accepted',
      status: 'False',
      reason: 'Invalid',
      message,
      generation: refused.generation,
    });
  }
  if (!said.has('Programmed')) {
    const accepted = said.get('Accepted');
    said.set('Programmed', {
      ...{ type: 'Programmed', status: 'False', reason: 'Invalid', message: 'the Gateway is not accepted' },
      generation: accepted?.generation ?? generation,
    });
  }
  return [...said.values()];
}

/** Where a waypoint that is ready is; undefined: nothing new is known, and what was known is never taken away. */
function addressesOf(
  name: string,
  { model, translation }: MeshSnapshot,
  clusterDomain: string,
): GatewayAddress[] | undefined {
  const waypoint = translation.waypoints.get(name);
  if (waypoint?.ready !== true) return undefined;
  const namespace = name.slice(0, name.indexOf('/'));
  const { clusterIP, clusterIPs } = model.services.get(`${namespace}/${waypoint.serviceName}`)?.spec ?? {};
  const ips = (clusterIPs ?? [clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None');
  return [
    ...ips.map((value): GatewayAddress => ({ type: 'IPAddress', value })),
    { type: 'Hostname', value: `${waypoint.serviceName}.${namespace}.svc.${clusterDomain}` },
  ];
}

/** No route attaches to a waypoint's listener: routes act on Services. */
function listenersOf(gateway: Gateway | undefined, conditions: readonly ConditionFacts[]): DesiredListener[] {
  if (gateway === undefined) return [];
  const served = hboneListener(gateway);
  const programmed = conditions.find(({ type }) => type === 'Programmed');
  const { generation } = gateway.metadata;
  return gateway.spec.listeners.map((listener): DesiredListener => {
    const isServed = listener === served;
    const said = (type: string, isTrue: boolean, reason: string, message: string): ConditionFacts => {
      return { type, status: isTrue ? 'True' : 'False', reason, message, generation };
    };
    return {
      name: listener.name,
      attachedRoutes: 0,
      conditions: [
        isServed
          ? said('Accepted', true, 'Accepted', 'tunnels are taken here')
          : said('Accepted', false, 'UnsupportedProtocol', 'a waypoint serves HBONE on port 15008 alone'),
        programmed?.status === 'True' && isServed
          ? said('Programmed', true, 'Programmed', 'tunnels are taken here')
          : said('Programmed', false, isServed ? 'Pending' : 'Invalid', 'the Gateway is not programmed'),
        said('Conflicted', false, 'NoConflicts', 'no other listener is in its way'),
        said('ResolvedRefs', true, 'ResolvedRefs', 'it refers to nothing'),
      ],
    };
  });
}
