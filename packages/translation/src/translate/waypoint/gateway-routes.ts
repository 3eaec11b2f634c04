import type { GrpcRoute, HttpRoute, ParentReference } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import { type Metadata, objectName, type Service, type ServicePort } from '../../objects.ts';
import { Protocol } from '@ambit/proto/waypoint';
import { type Condition, conditionOf } from '../condition.ts';
import { isPublished, tcpPorts } from '../service.ts';
import { BackendResolver } from './backends.ts';
import { readGrpcRoute } from './grpc-route.ts';
import { readHttpRoute } from './http-route.ts';
import { notHonouredMessage } from './not-honoured.ts';
import { compareRanked, type Specificity } from './precedence.ts';
import { protocolOf } from './protocol.ts';
import type { HttpMatchInit, RouteReading, RouteRule } from './route-rule.ts';
import { objectionsTo } from './waypoint-objections.ts';

type RouteObject = GrpcRoute | HttpRoute;

/** One match of one rule, in the order in which a waypoint tries it. */
export interface RouteCandidate {
  /** `namespace/name/rule` of where it comes from. */
  readonly name: string;
  readonly match: HttpMatchInit;
  readonly rule: RouteRule;
}

/** A route object that acts on a port of a Service. */
interface Attachment {
  readonly route: RouteObject;
  readonly reading: RouteReading;
}

/** Where a parentRef leads to: the ports that the route acts on, or why there are none. */
type Parent =
  | { readonly service: Service; readonly ports: readonly ServicePort[] }
  | { readonly reason: string; readonly message: string };

/**
 * The HTTPRoutes and GRPCRoutes of a model, by the Service that they act on. A route acts on Services of its own namespace
 * (producer routes); where both kinds want one port, GRPCRoutes have it.
 */
export class GatewayRoutes {
  readonly #model: Model;
  readonly #hasWaypoint: (service: Service) => boolean;
  readonly #readings = new Map<RouteObject, RouteReading & { readonly refusal: string | undefined }>();
  /** By `namespace/name:port`. */
  readonly #attached = new Map<string, Attachment[]>();

  constructor(model: Model, hasWaypoint: (service: Service) => boolean) {
    this.#model = model;
    this.#hasWaypoint = hasWaypoint;
    const resolver = new BackendResolver(model);
    for (const route of this.#routes()) {
      const reading = route.kind === 'HTTPRoute' ? readHttpRoute(route, resolver) : readGrpcRoute(route, resolver);
      const refusal = refusalOf(reading);
      this.#readings.set(route, { ...reading, refusal });
      if (refusal === undefined) this.#attach(route, reading);
    }
  }

  /** What decides on the requests for a port, in order of precedence; undefined: no route acts on it. */
  of(service: Service, port: ServicePort): RouteCandidate[] | undefined {
    const attached = this.#winnersAt(portKey(service, port));
    if (attached === undefined) return undefined;
    return attached
      .flatMap(({ route: { metadata }, reading }) =>
        reading.rules.flatMap((rule) =>
          rule.matches.map(
            ({ match, specificity }): RouteCandidate & { specificity: Specificity; metadata: Metadata } => {
              return { name: `${objectName(metadata)}/${rule.name}`, match, rule, specificity, metadata };
            },
          ),
        ),
      )
      .sort(compareRanked);
  }

  conditions(): Condition[] {
    return [...this.#routes()].flatMap((route) =>
      (route.spec.parentRefs ?? []).flatMap((parent) => this.#conditionsOf(route, parent)),
    );
  }

  #routes(): RouteObject[] {
    return [...this.#model.grpcRoutes.values(), ...this.#model.httpRoutes.values()];
  }

  #attach(route: RouteObject, reading: RouteReading): void {
    for (const reference of route.spec.parentRefs ?? []) {
      const parent = this.#parentOf(route, reference);
      if (!('service' in parent)) continue;
      for (const port of parent.ports) {
        const key = portKey(parent.service, port);
        const known = this.#attached.get(key) ?? [];
        if (!known.some((other) => other.route === route)) this.#attached.set(key, [...known, { route, reading }]);
      }
    }
  }

  #winnersAt(key: string): Attachment[] | undefined {
    const attached = this.#attached.get(key);
    const grpc = attached?.filter(({ route }) => route.kind === 'GRPCRoute') ?? [];
    return grpc.length > 0 ? grpc : attached;
  }

  #parentOf({ metadata }: RouteObject, reference: ParentReference): Parent {
    const { group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace = metadata.namespace, name } = reference;
    if (group !== '' || kind !== 'Service') {
      return {
        reason: 'NoMatchingParent',
        message: `routes act on Services here, and ${name} is a ${kind} of group "${group}"`,
      };
    }
    const where = `Service ${namespace}/${name}`;
    const service = this.#model.services.get(`${namespace}/${name}`);
    if (service === undefined || !isPublished(service))
      return { reason: 'NoMatchingParent', message: `${where} does not exist` };
    if (namespace !== metadata.namespace) {
      const message = `${where} is of another namespace, and routes for the clients of one namespace are not honoured`;
      return { reason: 'UnsupportedValue', message };
    }
    if (service.spec.clusterIP === 'None') {
      return { reason: 'NoMatchingParent', message: `${where} is headless, so its pods are called directly` };
    }
    const ports = tcpPorts(service).filter(
      (port) =>
        (reference.port === undefined || port.port === reference.port) &&
        (reference.sectionName === undefined || port.name === reference.sectionName),
    );
    if (ports.length === 0) return { reason: 'NoMatchingParent', message: `${where} has no such port` };
    const http = ports.filter((port) => protocolOf(port) !== Protocol.TCP);
    return http.length > 0
      ? { service, ports: http }
      : { reason: 'NoMatchingParent', message: `${where} has no such port that may speak HTTP` };
  }

  #conditionsOf(route: RouteObject, reference: ParentReference): Condition[] {
    const { refusal, references = [] } = this.#readings.get(route) ?? {};
    const parent = this.#parentOf(route, reference);
    const said = (type: Condition['type'], status: Condition['status'], reason: string, message: string): Condition => {
      return { ...conditionOf(route, type, status, reason, message), parent: reference };
    };
    const [first] = references;
    const resolved =
      first === undefined
        ? said('ResolvedRefs', 'True', 'ResolvedRefs', 'all backends are there')
        : said(
            'ResolvedRefs',
            'False',
            first.reason,
            [...new Set(references.map(({ message }) => message))].join('; '),
          );
    if (refusal !== undefined) return [said('Accepted', 'False', 'UnsupportedValue', refusal), resolved];
    if (!('service' in parent)) return [said('Accepted', 'False', parent.reason, parent.message), resolved];
    const { service, ports } = parent;
    const lost = ports.filter((port) => {
      return this.#winnersAt(portKey(service, port))?.some((winner) => winner.route === route) !== true;
    });
    if (lost.length === ports.length) {
      return [said('Accepted', 'False', 'Conflicted', 'a GRPCRoute decides on these requests'), resolved];
    }
    const numbers = lost.map(({ port }) => port).join(', ');
    const hostnames = (route.spec.hostnames ?? []).length > 0 ? '; hostnames have no function on a Service' : '';
    const message = `in force${lost.length > 0 ? ` but for port ${numbers}, which a GRPCRoute has` : ''}${hostnames}`;
    return [said('Accepted', 'True', 'Accepted', message), resolved, said(...this.#waypointOf(service))];
  }

  #waypointOf(service: Service): [Condition['type'], Condition['status'], string, string] {
    const name = `Service ${objectName(service.metadata)}`;
    return this.#hasWaypoint(service)
      ? ['ResolvedWaypoints', 'True', 'ResolvedWaypoints', `${name} is bound to a waypoint`]
      : [
          'ResolvedWaypoints',
          'False',
          'WaypointMissing',
          `${name} is bound to no waypoint, so nothing acts on the route`,
        ];
  }
}

/** Why an object has no effect at all; undefined: it has. */
function refusalOf({ rules, notHonoured }: RouteReading): string | undefined {
  if (notHonoured.length > 0) return notHonouredMessage(notHonoured);
  const objections = rules.flatMap(({ name, matches, timeoutMs, retry }) =>
    objectionsTo(
      {
        name,
        matches: matches.map(({ match }) => match),
        action: { case: 'forward', value: { timeoutMs, retry } },
      },
      `rule ${name}`,
    ),
  );
  return objections.length === 0 ? undefined : objections.slice(0, 5).join('; ');
}

function portKey({ metadata }: Service, { port }: ServicePort): string {
  return `${objectName(metadata)}:${port}`;
}
