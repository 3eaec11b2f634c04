import type { Model } from '../../model.ts';
import { objectName } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import type { Destination, VirtualService } from '../../traffic-objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { isExported } from './exported.ts';
import { HostIndex } from './host-index.ts';
import type { ServiceHosts } from './hosts.ts';
import { notHonouredMessage } from './not-honoured.ts';
import { compareAge } from './precedence.ts';
import type { DestinationInit, HttpRouteInit } from './served-route.ts';
import type { SourceWorkloads } from './source-workloads.ts';
import { connectionRoute } from './virtual-connections.ts';
import { type Delegation, VirtualDelegates } from './virtual-delegates.ts';
import { overLimit } from './virtual-limits.ts';
import { virtualFieldsNotHonoured } from './virtual-fields.ts';
import { actsOnMesh } from './virtual-gateways.ts';
import { emptyOutcome, listed, noteUse, outcomeConditions, type VirtualOutcome } from './virtual-outcome.ts';
import type { VirtualPermissions } from './virtual-permissions.ts';
import { virtualRemarks } from './virtual-remarks.ts';
import { virtualRoutes } from './virtual-routes.ts';
import { type Listener, targetOf } from './virtual-targets.ts';
import { objectionsTo } from './waypoint-objections.ts';

/**
 * The VirtualServices of a model. They act on Services and hosts of ServiceEntries of their own namespace, and on those that a waypoint of their
 * namespace serves; several of one host are one, those that name it exactly first, then the oldest. Those without hosts act
 * where another delegates to them.
 */
export class VirtualServices {
  readonly #hosts: ServiceHosts;
  readonly #sources: SourceWorkloads;
  readonly #permissions: VirtualPermissions;
  readonly #objects: readonly VirtualService[];
  readonly #refused = new Map<VirtualService, string>();
  readonly #outcomes = new Map<VirtualService, VirtualOutcome>();
  /** Of those in force for the mesh. */
  readonly #delegations = new Map<VirtualService, Delegation>();
  readonly #byHost = new HostIndex<VirtualService>();

  constructor(model: Model, hosts: ServiceHosts, sources: SourceWorkloads, permissions: VirtualPermissions) {
    this.#hosts = hosts;
    this.#sources = sources;
    this.#permissions = permissions;
    this.#objects = [...model.virtualServices.values()].sort((a, b) => compareAge(a.metadata, b.metadata));
    for (const object of this.#objects) {
      const refusal = refusalOf(object, model.virtualServices, sources);
      if (refusal !== undefined) this.#refused.set(object, refusal);
    }
    const delegates = new VirtualDelegates(model.virtualServices, hosts, (object) => this.#refused.has(object));
    for (const object of this.#objects) {
      if (this.#refused.has(object) || !actsOnMesh(object.spec.gateways)) continue;
      this.#delegations.set(object, this.#noted(object, delegates.of(object)));
      for (const host of new Set(this.#hostsOf(object))) this.#byHost.add(host, object);
    }
  }

  /** The routes for requests to a port, in order; none: no object routes them. */
  httpRoutes(listener: Listener): HttpRouteInit[] {
    return this.#objectsFor(listener.service, listener.waypointNamespace).flatMap((object) =>
      (this.#delegations.get(object)?.routes ?? []).flatMap(({ route, name, from, inherited }) => {
        const clusterOf = (destination: Destination): string =>
          this.#clusterOf(destination, listener, inherited.has(destination) ? object : from);
        const routes = virtualRoutes(route, name, { port: listener.port.port, sources: this.#sources, clusterOf });
        if (routes.length > 0) for (const each of [object, from]) noteUse(this.#outcomeOf(each), object, each);
        return routes;
      }),
    );
  }

  /** Where connections to a port go; undefined: no object routes them. */
  tcpDestinations(listener: Listener): DestinationInit[] | undefined {
    const hostname = this.#hosts.hostOf(listener.service);
    for (const object of this.#objectsFor(listener.service, listener.waypointNamespace)) {
      const route = connectionRoute(object, listener, hostname);
      if (route === undefined) continue;
      noteUse(this.#outcomeOf(object), object, object);
      return route.map(({ destination, weight = 0 }) => {
        const host = this.#hosts.resolve(destination.host, object.metadata.namespace);
        return {
          cluster: this.#clusterOf({ ...destination, host }, listener, object),
          weight: route.length === 1 ? 100 : weight,
        };
      });
    }
    return undefined;
  }

  /** Notes that route objects of the Gateway API decide on a port. */
  lose({ service, port, what, waypointNamespace }: Listener): void {
    const [kinds, traffic] =
      what === 'requests' ? ['a route of the Gateway API', 'requests'] : ['a TCPRoute or TLSRoute', 'connections'];
    for (const object of this.#objectsFor(service, waypointNamespace)) {
      const { http = [], tls = [], tcp = [] } = object.spec;
      if ((what === 'requests' ? http : [...tls, ...tcp]).length === 0) continue;
      const message = `${kinds} decides on the ${traffic} for ${objectName(service.metadata)}:${port.port}`;
      this.#outcomeOf(object).conflicts.add(message);
    }
  }

  /** Call after every port was asked for. */
  conditions(): Condition[] {
    return this.#objects.flatMap((object) => {
      const refusal = this.#refused.get(object);
      if (refusal !== undefined) return [conditionOf(object, 'WaypointAccepted', 'False', 'UnsupportedValue', refusal)];
      const remarks = virtualRemarks(object);
      return outcomeConditions(object, this.#outcomeOf(object), remarks, () => this.#whyUnused(object));
    });
  }

  #whyUnused(object: VirtualService): readonly [string, string] {
    const hosts = this.#hostsOf(object);
    if (hosts.length === 0) return ['AncestorNotBound', 'no VirtualService that is in force delegates to it'];
    if (!actsOnMesh(object.spec.gateways)) return ['AncestorNotBound', 'it is for gateways, and none is served'];
    return hosts.every((host) => this.#hosts.matching(host).length === 0)
      ? ['TargetNotFound', `no Service or ServiceEntry is called ${hosts.join(' or ')}`]
      : ['AncestorNotBound', 'no waypoint that sees it serves its hosts on a port that it routes'];
  }

  #objectsFor(service: MeshService, waypointNamespace: string): VirtualService[] {
    const name = this.#hosts.hostOf(service);
    const exact = this.#byHost.exact(name);
    const wildcards = this.#byHost.wildcards(name).map(({ value }) => value);
    return [...new Set([...exact, ...wildcards])].filter(({ metadata: { namespace }, spec }) => {
      return (
        (namespace === service.metadata.namespace || namespace === waypointNamespace) &&
        isExported(spec.exportTo, namespace, waypointNamespace)
      );
    });
  }

  /** `from`: who has written the destination, and is told when it leads nowhere. */
  #clusterOf(destination: Destination, listener: Listener, from: VirtualService): string {
    const target = targetOf(destination, listener, this.#hosts, from.metadata.namespace, (service) => {
      return this.#permissions.permits(from, service, listener);
    });
    if ('cluster' in target) return target.cluster;
    this.#outcomeOf(from).references.set(target.message, target);
    return '';
  }

  #noted(object: VirtualService, delegation: Delegation): Delegation {
    for (const problem of delegation.missing) this.#outcomeOf(object).references.set(problem.message, problem);
    for (const { delegate, message } of delegation.conflicts) {
      for (const each of [object, delegate]) this.#outcomeOf(each).conflicts.add(message);
    }
    return delegation;
  }

  #hostsOf({ spec, metadata }: VirtualService): string[] {
    return (spec.hosts ?? []).map((host) => this.#hosts.resolve(host, metadata.namespace));
  }

  #outcomeOf(object: VirtualService): VirtualOutcome {
    const outcome = this.#outcomes.get(object) ?? emptyOutcome();
    this.#outcomes.set(object, outcome);
    return outcome;
  }
}

/** Why an object has no effect at all; undefined: it has. */
function refusalOf(
  object: VirtualService,
  objects: ReadonlyMap<string, VirtualService>,
  sources: SourceWorkloads,
): string | undefined {
  const fields = virtualFieldsNotHonoured(object);
  if (fields.length > 0) return notHonouredMessage(fields);
  return overLimit(object, objects, sources) ?? objectionOf(object, sources);
}

/** What waypoints would object to in an object whose fields are all honoured: expressions are compiled for that. */
export function objectionOf(object: VirtualService, sources: SourceWorkloads): string | undefined {
  const objections = (object.spec.http ?? []).flatMap((route, index) =>
    virtualRoutes(route, String(index), { port: undefined, sources, clusterOf: () => '' }).flatMap((one) =>
      objectionsTo(one, `spec.http[${index}]`),
    ),
  );
  return objections.length === 0 ? undefined : listed([...new Set(objections)]);
}
