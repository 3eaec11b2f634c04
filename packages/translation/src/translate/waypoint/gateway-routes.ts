import type { RouteObject } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import { type Metadata, objectName, type ServicePort } from '../../objects.ts';
import { type MeshService, serviceName } from '../mesh-service.ts';
import type { Condition } from '../condition.ts';
import { AttachedRoutes, type Attachment, EVERYBODY } from './attached-routes.ts';
import { type Backend, BackendResolver } from './backends.ts';
import { readGrpcRoute } from './grpc-route.ts';
import { readHttpRoute } from './http-route.ts';
import type { HttpMatchInit } from './matches.ts';
import type { ServiceHosts } from './hosts.ts';
import { compareRanked, type Specificity } from './precedence.ts';
import { routeConditions } from './route-conditions.ts';
import { parentServicesOf } from './route-parents.ts';
import { readConnectionRoute, type RouteReading } from './route-reading.ts';
import type { RouteRule } from './route-rule.ts';
import type { ServiceCatalog } from './service-catalog.ts';

/** One match of one rule, in the order in which a waypoint tries it. */
export interface RouteCandidate {
  /** `namespace/name/rule` of where it comes from. */
  readonly name: string;
  readonly match: HttpMatchInit;
  readonly rule: RouteRule;
}

/** What is routed at a port, and how. */
export type RouteSet =
  /** Without a candidate nothing matches. */
  | { readonly what: 'requests'; readonly candidates: readonly RouteCandidate[] }
  /** Also of an undeclared port's requests: nothing of them is looked at. */
  | { readonly what: 'connections'; readonly name: string; readonly backends: readonly Backend[] };

/** The routes at a port. */
export interface PortRoutes {
  /** Undefined: no route acts on it. */
  readonly everybody: RouteSet | undefined;
  /** What holds in place of that for the clients of a namespace, in order of namespaces. */
  readonly consumers: readonly { readonly namespace: string; readonly set: RouteSet }[];
}

export interface GatewayRoutesParts {
  readonly model: Model;
  readonly catalog: ServiceCatalog;
  readonly hosts: ServiceHosts;
  /** Whether something acts on the routes of a Service. */
  readonly hasWaypoint: (service: MeshService) => boolean;
  /** Whether who reaches a Service reaches another at each of its waypoints, by no other policies. */
  readonly isReachedAnyway: (parent: MeshService, backend: MeshService) => boolean;
}

/** The routes of the Gateway API of a model, by the Services that they act on. */
export class GatewayRoutes {
  readonly #parts: GatewayRoutesParts;
  readonly #resolver: BackendResolver;
  readonly #routes: readonly RouteObject[];
  /** By route, then by what of the parent its reading depends on. */
  readonly #readings = new Map<RouteObject, Map<string, RouteReading>>();
  readonly #attached: AttachedRoutes;

  constructor(parts: GatewayRoutesParts) {
    const { model, catalog, hosts } = parts;
    this.#parts = parts;
    this.#resolver = new BackendResolver({ model, catalog, hosts, isReachedAnyway: parts.isReachedAnyway });
    this.#routes = [
      ...model.grpcRoutes.values(),
      ...model.httpRoutes.values(),
      ...model.tlsRoutes.values(),
      ...model.tcpRoutes.values(),
    ];
    this.#attached = new AttachedRoutes(catalog, this.#routes, (route, service) => this.#readAt(route, service));
  }

  at(service: MeshService, port: ServicePort): PortRoutes {
    const setOf = (clients: string): RouteSet | undefined => routeSet(this.#attached.winnersAt(service, port, clients));
    return {
      everybody: setOf(EVERYBODY),
      consumers: this.#attached.consumersAt(service, port).flatMap((namespace) => {
        const set = setOf(namespace);
        return set === undefined ? [] : [{ namespace, set }];
      }),
    };
  }

  conditions(): Condition[] {
    const { catalog, hasWaypoint } = this.#parts;
    return this.#routes.flatMap((route) =>
      (route.spec.parentRefs ?? []).flatMap((reference) => {
        const [parent] = parentServicesOf(catalog, route, reference);
        const reading = this.#readAt(route, parent);
        return routeConditions(route, reference, { catalog, reading, attached: this.#attached, hasWaypoint });
      }),
    );
  }

  /** Which backends a route may use depends on the Service that it acts on, unless that is of its own namespace. */
  #readAt(route: RouteObject, parent: MeshService | undefined): RouteReading {
    const isForeign = parent !== undefined && parent.metadata.namespace !== route.metadata.namespace;
    const key = isForeign ? serviceName(parent) : '';
    const readings = this.#readings.get(route) ?? new Map<string, RouteReading>();
    this.#readings.set(route, readings);
    const known = readings.get(key);
    if (known !== undefined) return known;
    const reading = this.#read(route, isForeign ? parent : undefined);
    readings.set(key, reading);
    return reading;
  }

  #read(route: RouteObject, parent: MeshService | undefined): RouteReading {
    const context = { route, parent, resolver: this.#resolver };
    switch (route.kind) {
      case 'GRPCRoute':
        return readGrpcRoute(route, context);
      case 'HTTPRoute':
        return readHttpRoute(route, context);
      case 'TCPRoute':
      case 'TLSRoute':
        return readConnectionRoute(route, context);
    }
  }
}

/** Of several routes every match stands by itself, in order of precedence. */
function routeSet(attached: readonly Attachment[]): RouteSet | undefined {
  const [first] = attached;
  if (first === undefined) return undefined;
  if (first.reading.what === 'connections') {
    return { what: 'connections', name: objectName(first.route.metadata), backends: first.reading.backends };
  }
  const candidates = attached.flatMap(({ route: { metadata }, reading }) =>
    (reading.what === 'requests' ? reading.rules : []).flatMap((rule) =>
      rule.matches.map(({ match, specificity }): RouteCandidate & { specificity: Specificity; metadata: Metadata } => {
        return { name: `${objectName(metadata)}/${rule.name}`, match, rule, specificity, metadata };
      }),
    ),
  );
  return { what: 'requests', candidates: candidates.sort(compareRanked) };
}
