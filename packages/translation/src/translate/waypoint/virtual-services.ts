import { Protocol } from '@ambit/proto/waypoint';
import type { Model } from '../../model.ts';
import { objectName, type Service, type ServicePort } from '../../objects.ts';
import { istioDurationMs } from '../../schema/durations.ts';
import type { Destination, VirtualDestination, VirtualHttpRoute, VirtualService } from '../../traffic-objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { tcpPorts } from '../service.ts';
import type { Backend, ReferenceProblem } from './backends.ts';
import type { ClusterSet } from './clusters.ts';
import { isExported } from './exported.ts';
import { HostIndex } from './host-index.ts';
import type { ServiceHosts } from './hosts.ts';
import { notHonouredMessage } from './not-honoured.ts';
import { compareAge } from './precedence.ts';
import { protocolOf } from './protocol.ts';
import { virtualRetry } from './retry.ts';
import { type ActionInit, type DestinationInit, type HttpRouteInit, matchesOf, weighted } from './served-route.ts';
import { virtualFieldsNotHonoured } from './virtual-fields.ts';
import { virtualMatch } from './virtual-match.ts';
import { objectionsTo } from './waypoint-objections.ts';

/** What became of a VirtualService, as far as it was looked at. */
interface Outcome {
  used: boolean;
  /** `namespace/name:port` of what route objects of the Gateway API decide on instead. */
  readonly lost: Set<string>;
  /** By message, each once. */
  readonly references: Map<string, ReferenceProblem>;
}

/** A served Service's port as a route sees it. */
interface Listener {
  readonly service: Service;
  readonly port: ServicePort;
  readonly clusters: ClusterSet;
  /** What is routed: requests, or connections whose bytes are not looked at. */
  readonly what: 'connections' | 'requests';
}

/**
 * The VirtualServices of a model. They act on Services of their own namespace, and on those that a waypoint of their
 * namespace serves; several of one host are one, those that name it exactly first, then the oldest.
 */
export class VirtualServices {
  readonly #hosts: ServiceHosts;
  readonly #objects: readonly VirtualService[];
  readonly #refused = new Map<VirtualService, string>();
  readonly #outcomes = new Map<VirtualService, Outcome>();
  /** Those in force for the mesh. */
  readonly #byHost = new HostIndex<VirtualService>();

  constructor(model: Model, hosts: ServiceHosts) {
    this.#hosts = hosts;
    this.#objects = [...model.virtualServices.values()].sort((a, b) => compareAge(a.metadata, b.metadata));
    for (const object of this.#objects) {
      const refusal = refusalOf(object);
      if (refusal !== undefined) this.#refused.set(object, refusal);
      else if (actsOnMesh(object.spec.gateways)) {
        for (const host of new Set(this.#hostsOf(object))) this.#byHost.add(host, object);
      }
      this.#outcomes.set(object, { used: false, lost: new Set(), references: new Map() });
    }
  }

  /** The routes for requests to a port, in order; none: no object routes them. */
  httpRoutes(listener: Listener, waypointNamespace: string): HttpRouteInit[] {
    return this.#objectsFor(listener.service, waypointNamespace).flatMap((object) => {
      const routes = (object.spec.http ?? []).flatMap((route, index) => {
        const name = `${objectName(object.metadata)}/${route.name ?? index}`;
        return this.#httpRoute(object, route, name, listener) ?? [];
      });
      if (routes.length > 0) this.#outcomeOf(object).used = true;
      return routes;
    });
  }

  /** Where connections to a port go; undefined: no object routes them. */
  tcpDestinations(listener: Listener, waypointNamespace: string): DestinationInit[] | undefined {
    for (const object of this.#objectsFor(listener.service, waypointNamespace)) {
      const found = (object.spec.tcp ?? []).find(({ match = [] }) => {
        return match.length === 0 || match.some((one) => appliesAt(one, listener.port.port));
      });
      if (found === undefined) continue;
      this.#outcomeOf(object).used = true;
      return weighted(this.#backendsOf(object, found.route ?? [], listener), listener.clusters);
    }
    return undefined;
  }

  /** Notes that route objects of the Gateway API decide on a port. */
  lose(service: Service, port: ServicePort, waypointNamespace: string): void {
    for (const object of this.#objectsFor(service, waypointNamespace)) {
      if ((object.spec.http ?? []).length > 0)
        this.#outcomeOf(object).lost.add(`${objectName(service.metadata)}:${port.port}`);
    }
  }

  /** Call after every port was asked for. */
  conditions(): Condition[] {
    return this.#objects.flatMap((object) => {
      const said = (status: Condition['status'], reason: string, message: string): Condition =>
        conditionOf(object, 'WaypointAccepted', status, reason, message);
      const refusal = this.#refused.get(object);
      if (refusal !== undefined) return [said('False', 'UnsupportedValue', refusal)];
      const { used, lost, references } = this.#outcomeOf(object);
      const problems = [...references.values()];
      const [first] = problems;
      const resolved =
        first === undefined
          ? []
          : [
              conditionOf(
                object,
                'ResolvedRefs',
                'False',
                first.reason,
                problems.map(({ message }) => message).join('; '),
              ),
            ];
      if (lost.size > 0) {
        const message = `an HTTPRoute or GRPCRoute decides on the requests for ${[...lost].join(', ')}`;
        return [said(used ? 'True' : 'False', 'Conflicted', message), ...resolved];
      }
      return [used ? said('True', 'Accepted', 'enforced by waypoints') : this.#unusedCondition(object), ...resolved];
    });
  }

  #unusedCondition(object: VirtualService): Condition {
    const hosts = this.#hostsOf(object);
    const [reason, message]: readonly [string, string] = !actsOnMesh(object.spec.gateways)
      ? ['AncestorNotBound', 'it is for gateways, and none is served']
      : hosts.every((host) => this.#hosts.matching(host).length === 0)
        ? ['TargetNotFound', `no Service is called ${hosts.join(' or ')}`]
        : ['AncestorNotBound', 'no waypoint that sees it serves its hosts on a port that it routes'];
    return conditionOf(object, 'WaypointAccepted', 'False', reason, message);
  }

  #objectsFor(service: Service, waypointNamespace: string): VirtualService[] {
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

  #httpRoute(
    object: VirtualService,
    route: VirtualHttpRoute,
    name: string,
    listener: Listener,
  ): HttpRouteInit | undefined {
    const matches = (route.match ?? []).filter((match) => appliesAt(match, listener.port.port));
    if (matches.length === 0 && (route.match ?? []).length > 0) return undefined;
    return {
      name,
      matches: matchesOf(matches.map((match) => virtualMatch(match))),
      action: actionOf(route, () => weighted(this.#backendsOf(object, route.route ?? [], listener), listener.clusters)),
    };
  }

  #backendsOf(object: VirtualService, route: readonly VirtualDestination[], listener: Listener): Backend[] {
    const { references } = this.#outcomeOf(object);
    return route.map(({ destination, weight = 0 }): Backend => {
      const share = route.length === 1 ? 100 : weight;
      const target = this.#targetOf(destination, object.metadata.namespace, listener);
      if (!('reason' in target)) return { target, weight: share };
      references.set(target.message, target);
      return { target: undefined, weight: share };
    });
  }

  #targetOf(
    { host, port, subset = '' }: Destination,
    namespace: string,
    listener: Listener,
  ): Exclude<Backend['target'], undefined> | ReferenceProblem {
    const name = this.#hosts.resolve(host, namespace);
    const service = this.#hosts.get(name);
    if (service === undefined) return { reason: 'BackendNotFound', message: `no Service is called ${name}` };
    const ports = tcpPorts(service);
    // Without a number: the only port there is, else the one that was dialled.
    const number = port?.number ?? (ports.length === 1 ? ports[0]?.port : listener.port.port);
    const found = ports.find((candidate) => candidate.port === number);
    if (found === undefined) return { reason: 'BackendNotFound', message: `${name} has no port ${number ?? 'at all'}` };
    if (listener.what === 'requests' && protocolOf(found) === Protocol.TCP) {
      return { reason: 'UnsupportedProtocol', message: `port ${found.port} of ${name} is not declared to speak HTTP` };
    }
    return listener.clusters.nameOf(service, found, subset) === undefined
      ? { reason: 'SubsetNotFound', message: `no DestinationRule of ${name} has the subset ${subset}` }
      : { service, port: found, subset };
  }

  #hostsOf({ spec, metadata }: VirtualService): string[] {
    return (spec.hosts ?? []).map((host) => this.#hosts.resolve(host, metadata.namespace));
  }

  #outcomeOf(object: VirtualService): Outcome {
    const outcome = this.#outcomes.get(object) ?? { used: false, lost: new Set(), references: new Map() };
    this.#outcomes.set(object, outcome);
    return outcome;
  }
}

/** Absent: for the mesh. */
function actsOnMesh(gateways: readonly string[] | undefined): boolean {
  return gateways === undefined || gateways.length === 0 || gateways.includes('mesh');
}

function appliesAt(match: { readonly port?: number; readonly gateways?: readonly string[] }, port: number): boolean {
  return (match.port === undefined || match.port === port) && actsOnMesh(match.gateways);
}

function actionOf(route: VirtualHttpRoute, destinations: () => DestinationInit[]): ActionInit {
  const { directResponse, timeout, retries } = route;
  if (directResponse !== undefined) {
    return {
      case: 'directResponse',
      value: { status: directResponse.status, body: directResponse.body?.string ?? '' },
    };
  }
  const timeoutMs = timeout === undefined ? 0 : (istioDurationMs(timeout) ?? 0);
  return { case: 'forward', value: { destinations: destinations(), timeoutMs, retry: virtualRetry(retries) } };
}

/** Why an object has no effect at all; undefined: it has. */
function refusalOf(object: VirtualService): string | undefined {
  const fields = virtualFieldsNotHonoured(object);
  if (fields.length > 0) return notHonouredMessage(fields);
  const objections = (object.spec.http ?? []).flatMap((route, index) => {
    const matches = (route.match ?? []).map((match) => virtualMatch(match));
    return objectionsTo({ name: String(index), matches, action: actionOf(route, () => []) }, `spec.http[${index}]`);
  });
  return objections.length === 0 ? undefined : objections.slice(0, 5).join('; ');
}
