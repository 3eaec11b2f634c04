import type { ParentReference, RouteObject } from '../../gateway-objects.ts';
import { objectName, type ServicePort } from '../../objects.ts';
import { describeService, type MeshService } from '../mesh-service.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { type AttachedRoutes, clientsOf, EVERYBODY } from './attached-routes.ts';
import { parentOf } from './route-parents.ts';
import { isInvalid, type RouteReading } from './route-reading.ts';
import type { ServiceCatalog } from './service-catalog.ts';

/** Problems that a message names; the rest is counted. */
const NAMED_PROBLEMS = 5;

export interface RouteFacts {
  readonly catalog: ServiceCatalog;
  readonly reading: RouteReading;
  readonly attached: AttachedRoutes;
  readonly hasWaypoint: (service: MeshService) => boolean;
}

type Said = Pick<Condition, 'message' | 'reason' | 'status' | 'type'>;

/** What became of a route at one of its parents. */
export function routeConditions(route: RouteObject, reference: ParentReference, facts: RouteFacts): Condition[] {
  const [accepted, ...further] = acceptance(route, reference, facts);
  return [accepted, resolution(facts.reading), ...further].map(({ type, status, reason, message }) => ({
    ...conditionOf(route, type, status, reason, message),
    parent: reference,
  }));
}

function acceptance(route: RouteObject, reference: ParentReference, facts: RouteFacts): [Said, ...Said[]] {
  const { catalog, reading, attached, hasWaypoint } = facts;
  const parent = parentOf(catalog, route, reference);
  if (!('services' in parent)) return [refused(parent.reason, parent.message)];
  const {
    services: [service],
    ports,
  } = parent;
  const noRoom = attached.noRoomFor(route, service);
  if (noRoom !== undefined) return [refused('UnsupportedValue', noRoom)];
  if (isInvalid(reading)) {
    return [refused('UnsupportedValue', `no rule is in force: ${problemsOf(reading)}; ${consequenceOf(reading)}`)];
  }
  const lost = lostPorts(route, service, ports, attached);
  if (lost.length === ports.length)
    return [refused('Conflicted', `${winnerOf(route, service, lost, attached)} has the port`)];
  const clients = clientsOf(route, service);
  const words = [
    `in force${clients === EVERYBODY ? '' : ` for the clients of namespace ${clients}`}${
      lost.length > 0
        ? ` but for port ${lost.map(({ port }) => port).join(', ')}, which ${winnerOf(route, service, lost, attached)} has`
        : ''
    }`,
    ...reading.remarks,
  ];
  return [
    { type: 'Accepted', status: 'True', reason: 'Accepted', message: words.join('; ') },
    ...partialInvalidity(reading),
    waypointCondition(service, hasWaypoint),
  ];
}

function refused(reason: string, message: string): Said {
  return { type: 'Accepted', status: 'False', reason, message };
}

/** The message begins as the Gateway API asks: rules are dropped, and the rest is in force. */
function partialInvalidity(reading: RouteReading): Said[] {
  const names = reading.what === 'requests' ? reading.rules.filter(isProblematic).map(({ name }) => name) : [];
  if (names.length === 0) return [];
  const message = `Dropped Rule ${names.join(', ')}: ${problemsOf(reading)}; ${consequenceOf(reading)}`;
  return [{ type: 'PartiallyInvalid', status: 'True', reason: 'UnsupportedValue', message }];
}

function isProblematic({ problems }: { readonly problems: readonly string[] }): boolean {
  return problems.length > 0;
}

function problemsOf(reading: RouteReading): string {
  const problems = reading.what === 'requests' ? reading.rules.flatMap((rule) => rule.problems) : [];
  const rest = problems.length - NAMED_PROBLEMS;
  return `${problems.slice(0, NAMED_PROBLEMS).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

/** Of rules that are not in force. */
function consequenceOf(reading: RouteReading): string {
  const rules = reading.what === 'requests' ? reading.rules.filter(isProblematic) : [];
  return rules.some(({ matches }) => matches.length > 0)
    ? 'what that matches is answered with 500'
    : 'nothing that it matches can be read, so it has no effect';
}

function lostPorts(
  route: RouteObject,
  service: MeshService,
  ports: readonly ServicePort[],
  attached: AttachedRoutes,
): ServicePort[] {
  const clients = clientsOf(route, service);
  return ports.filter((port) => !attached.winnersAt(service, port, clients).some((winner) => winner.route === route));
}

function winnerOf(
  route: RouteObject,
  service: MeshService,
  [port]: readonly ServicePort[],
  attached: AttachedRoutes,
): string {
  const winner =
    port === undefined ? undefined : attached.winnersAt(service, port, clientsOf(route, service))[0]?.route;
  return winner === undefined ? 'another route' : `${winner.kind} ${objectName(winner.metadata)}`;
}

function resolution({ references }: RouteReading): Said {
  const [first] = references;
  if (first === undefined) {
    return { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'all backends are there' };
  }
  const message = [...new Set(references.map((problem) => problem.message))].join('; ');
  return { type: 'ResolvedRefs', status: 'False', reason: first.reason, message };
}

function waypointCondition(service: MeshService, hasWaypoint: (service: MeshService) => boolean): Said {
  const name = describeService(service);
  const type = 'ResolvedWaypoints';
  return hasWaypoint(service)
    ? { type, status: 'True', reason: 'ResolvedWaypoints', message: `${name} is bound to a waypoint` }
    : {
        ...{ type, status: 'False', reason: 'WaypointMissing' },
        message: `${name} is bound to no waypoint, so nothing acts on the route`,
      };
}
