import type { ParentReference, RouteObject } from '@ambit/translation/gateway-objects';
import type { Model } from '@ambit/translation/model';
import { WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { type ConditionFacts, factsOf } from './condition-record.ts';
import type { DesiredParent, DesiredStatus } from './desired-status.ts';
import type { FactsByObject } from './facts-by-object.ts';

/** The routes of a model by kind. */
const ROUTES = {
  HTTPRoute: (model: Model) => model.httpRoutes,
  GRPCRoute: (model: Model) => model.grpcRoutes,
  TLSRoute: (model: Model) => model.tlsRoutes,
  TCPRoute: (model: Model) => model.tcpRoutes,
} as const;

/**
 * The statuses of routes, parent by parent: Services, ServiceEntries, and Gateways that are waypoints; others have their own
 * controllers.
 */
export function routeStatuses(
  model: Model,
  facts: FactsByObject,
  isWaypoint: (name: string) => boolean,
): DesiredStatus[] {
  return (['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'] as const).flatMap((kind) => {
    const routes: ReadonlyMap<string, RouteObject> = ROUTES[kind](model);
    const names = new Set([...routes.keys(), ...facts.refused(kind)]);
    return Array.from(names, (name): DesiredStatus => {
      const namespace = name.slice(0, name.indexOf('/'));
      const refused = facts.refusal(kind, name);
      const parents = new Map<string, DesiredParent>();
      const add = (parentRef: ParentReference, conditions: readonly ConditionFacts[]): void => {
        if (!isOwnParent(parentRef, namespace, isWaypoint)) return;
        const key = JSON.stringify(parentRef);
        const known = parents.get(key)?.conditions ?? [];
        parents.set(key, { parentRef, conditions: [...known, ...conditions] });
      };
      const generation = routes.get(name)?.metadata.generation;
      if (refused === undefined) {
        for (const condition of facts.conditions(kind, name)) {
          if (condition.parent !== undefined) add(condition.parent, [factsOf(condition, generation)]);
        }
      } else {
        const { message } = refused;
        for (const parent of refused.parents) {
          add(parent, [
            { type: 'Accepted', status: 'False', reason: 'UnsupportedValue', message, generation: refused.generation },
          ]);
        }
      }
      const fieldManager = WAYPOINT_CONTROLLER;
      return { shape: 'parents', kind, name, fieldManager, parents: [...parents.values()] };
    });
  });
}

/** Whether a parent is for this controller to speak of. */
export function isOwnParent(
  { group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace, name }: ParentReference,
  ownNamespace: string,
  isWaypoint: (name: string) => boolean,
): boolean {
  if (group === '' && kind === 'Service') return true;
  if (group === 'networking.istio.io' && kind === 'ServiceEntry') return true;
  return (
    group === 'gateway.networking.k8s.io' && kind === 'Gateway' && isWaypoint(`${namespace ?? ownNamespace}/${name}`)
  );
}
