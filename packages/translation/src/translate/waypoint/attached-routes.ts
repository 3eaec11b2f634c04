import type { RouteObject } from '../../gateway-objects.ts';
import type { ServicePort } from '../../objects.ts';
import { type MeshService, serviceName } from '../mesh-service.ts';
import { tcpPorts } from '../service.ts';
import { ConsumerLimit } from './consumer-limit.ts';
import { sortedByAge } from './precedence.ts';
import { parentOf } from './route-parents.ts';
import { isInvalid, type RouteReading } from './route-reading.ts';
import type { ServiceCatalog } from './service-catalog.ts';

/** A route object that wants to act on a port of a Service. */
export interface Attachment {
  readonly route: RouteObject;
  readonly reading: RouteReading;
}

/** Whose requests a route is for: the clients of one namespace, or this. */
export const EVERYBODY = '';

/** Where several kinds want one port, the first of these has it (GEP-1294). */
const KINDS = ['GRPCRoute', 'HTTPRoute', 'TLSRoute', 'TCPRoute'] as const;

/**
 * Which routes act on which ports, and for whom: routes of the Service's namespace for everybody, those of other namespaces
 * for the clients of theirs (GEP-1294, Namespace boundaries). What is for some and what is for everybody is never mixed.
 */
export class AttachedRoutes {
  /** By port, then by whom they are for. */
  readonly #attached = new Map<string, Map<string, Attachment[]>>();
  /** What was asked for already. */
  readonly #winners = new Map<string, readonly Attachment[]>();
  readonly #limit = new ConsumerLimit();

  constructor(
    catalog: ServiceCatalog,
    routes: readonly RouteObject[],
    readAt: (route: RouteObject, service: MeshService) => RouteReading,
  ) {
    for (const route of sortedByAge(routes)) {
      for (const [service, ports] of portsOf(catalog, route)) {
        const reading = readAt(route, service);
        const isRoom = clientsOf(route, service) === EVERYBODY || this.#limit.admit(route, service, ports.size);
        if (isRoom && hasEffect(reading)) this.#attach({ route, reading }, service, ports);
      }
    }
  }

  /** Those that have a port, for everybody or for the clients of a namespace; several are of one kind, the oldest first. */
  winnersAt(service: MeshService, port: ServicePort, clients: string): readonly Attachment[] {
    const key = `${portKey(service, port)} ${clients}`;
    const known = this.#winners.get(key);
    if (known !== undefined) return known;
    const winners = winnersOf(this.#attached.get(portKey(service, port))?.get(clients) ?? []);
    this.#winners.set(key, winners);
    return winners;
  }

  /** The namespaces whose clients have routes of their own at a port, in order. */
  consumersAt(service: MeshService, port: ServicePort): string[] {
    const clients = this.#attached.get(portKey(service, port))?.keys() ?? [];
    return [...clients].filter((namespace) => namespace !== EVERYBODY).sort();
  }

  /** Why a route of another namespace has no room at a Service; undefined: it has. */
  noRoomFor(route: RouteObject, service: MeshService): string | undefined {
    return this.#limit.refusalOf(route, service);
  }

  #attach(attachment: Attachment, service: MeshService, ports: Iterable<ServicePort>): void {
    const clients = clientsOf(attachment.route, service);
    for (const port of ports) {
      const key = portKey(service, port);
      const byClients = this.#attached.get(key) ?? new Map<string, Attachment[]>();
      this.#attached.set(key, byClients);
      const known = byClients.get(clients);
      if (known === undefined) byClients.set(clients, [attachment]);
      else known.push(attachment);
    }
  }
}

function winnersOf(attached: readonly Attachment[]): readonly Attachment[] {
  const kind = KINDS.find((candidate) => attached.some(({ route }) => route.kind === candidate));
  const winners = attached.filter(({ route }) => route.kind === kind);
  // Connections have nothing by which several routes could share them.
  return kind === 'TCPRoute' || kind === 'TLSRoute' ? winners.slice(0, 1) : winners;
}

/** Whom a route is for at a Service. */
export function clientsOf(route: RouteObject, service: MeshService): string {
  return route.metadata.namespace === service.metadata.namespace ? EVERYBODY : route.metadata.namespace;
}

/** The ports that all parentRefs of a route lead to, each once. */
function portsOf(catalog: ServiceCatalog, route: RouteObject): Map<MeshService, Set<ServicePort>> {
  const found = new Map<MeshService, Set<ServicePort>>();
  for (const reference of route.spec.parentRefs ?? []) {
    const parent = parentOf(catalog, route, reference);
    if (!('services' in parent)) continue;
    for (const service of parent.services) {
      // The hosts of a ServiceEntry have ports of their own that are alike.
      const ports = tcpPorts(service).filter(({ port }) => parent.ports.some((other) => other.port === port));
      found.set(service, new Set([...(found.get(service) ?? []), ...ports]));
    }
  }
  return found;
}

/** A route of which a waypoint can read nothing does not take a port from others. */
function hasEffect(reading: RouteReading): boolean {
  return (
    !isInvalid(reading) || (reading.what === 'requests' && reading.rules.some(({ matches }) => matches.length > 0))
  );
}

function portKey(service: MeshService, { port }: ServicePort): string {
  return `${serviceName(service)}:${port}`;
}
