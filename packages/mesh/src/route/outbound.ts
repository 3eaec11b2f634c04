import { formatSocketAddress, isLoopback, type SocketAddress } from '@ambit/core/address';
import type { SpiffeId } from '@ambit/core/spiffe';
import type { Client } from '../client.ts';
import { chooseAddress, serviceIdentities, workloadIdentities } from '../endpoint/endpoint.ts';
import type { Choice } from '../endpoint/endpoint-set.ts';
import { HBONE_PORT, PROXY_PORTS } from '../ports.ts';
import type { MeshStore } from '../mesh-store.ts';
import type { Service, WeightedWaypoint } from '../service.ts';
import type { StoredService } from '../store/service-store.ts';
import type { GatewayAddress, Workload } from '../workload.ts';
import { isOwnWaypoint, pickGateway } from './gateway.ts';
import { type Refusal, refuse, refuseInvalid } from './refusal.ts';

/** A connection through one tunnel. */
export interface TunnelRoute {
  readonly kind: 'tunnel';
  /** Where the tunnel is opened. */
  readonly target: SocketAddress;
  /** The CONNECT target: the endpoint's own address, or for a waypoint what the application dialled. */
  readonly authority: string;
  /** The identities that may answer at `target`. */
  readonly identities: readonly SpiffeId[];
  /** The pod at `target`: the destination or its waypoint. Its uid is what to exclude when the connect fails. */
  readonly upstream: Workload;
  readonly waypoint: boolean;
  readonly service: Service | undefined;
}

/** A connection to another network: a tunnel to its gateway, and in it a tunnel to the service. */
export interface DoubleTunnelRoute {
  readonly kind: 'double-tunnel';
  readonly target: SocketAddress;
  /** `hostname:port` of the service, for both CONNECTs. */
  readonly authority: string;
  /** The identities that may answer at the gateway. */
  readonly identities: readonly SpiffeId[];
  /** The identities that may answer at the inner end. */
  readonly innerIdentities: readonly SpiffeId[];
  /** The gateway's workload. */
  readonly upstream: Workload;
  /** The remote workload, or waypoint, that was drawn: what to exclude when the connect fails. */
  readonly destination: Workload;
  readonly service: Service;
}

/** A connection by plain TCP to a workload that is not in the mesh. */
export interface PlainRoute {
  readonly kind: 'plain';
  readonly target: SocketAddress;
  readonly upstream: Workload;
  readonly service: Service | undefined;
}

/** A connection to where the application wanted it, because the mesh knows nothing better. */
export interface PassthroughRoute {
  readonly kind: 'passthrough';
  readonly target: SocketAddress;
  readonly service: Service | undefined;
}

/** There is no endpoint but one that is known by a name, which is not resolved. */
export interface UnresolvedRoute {
  readonly kind: 'unresolved';
  readonly hostname: string;
  readonly port: number;
  readonly upstream: Workload;
  readonly service: Service | undefined;
}

export type OutboundRoute = DoubleTunnelRoute | PassthroughRoute | PlainRoute | Refusal | TunnelRoute | UnresolvedRoute;

/**
 * Where a connection of `client` to `destination` goes. An exact service address counts before a workload's, and that
 * before a range of addresses; waypoint and endpoint follow from the same look-up.
 * `excluded` are the uids that this connection has tried in vain. Nothing here waits or keeps state.
 */
export function routeOutbound(
  store: MeshStore,
  client: Client,
  destination: SocketAddress,
  choice: Choice,
  excluded?: ReadonlySet<string>,
): OutboundRoute {
  const { ip, port } = destination;
  if (PROXY_PORTS.has(port) && (isLoopback(ip) || client.addresses.includes(ip))) {
    return refuse('self-call', `${formatSocketAddress(destination)} is a port of the proxy itself`);
  }
  const { namespace } = client.identity;
  const exact = store.services.byAddress(store.network, ip, namespace);
  if (exact !== undefined) return routeToService(store, client, destination, exact, choice, excluded);
  const workload = store.workloads.byAddress(store.network, ip)?.model;
  if (workload !== undefined) return routeToWorkload(store, client, destination, workload, choice, excluded);
  const range = store.services.byRange(store.network, ip, namespace);
  if (range !== undefined) return routeToService(store, client, destination, range, choice, excluded);
  return { kind: 'passthrough', target: destination, service: undefined };
}

function routeToService(
  store: MeshStore,
  client: Client,
  destination: SocketAddress,
  stored: StoredService,
  choice: Choice,
  excluded: ReadonlySet<string> | undefined,
): OutboundRoute {
  const service = stored.model;
  if (service.invalid !== undefined) {
    return refuse('service-invalid', `service ${service.key} could not be taken: ${service.invalid}`);
  }
  if (service.waypoints.length > 0) {
    const waypoint = drawWaypoint(service.waypoints, choice);
    if (waypoint === undefined) {
      return refuse('waypoint-unresolved', `all waypoints of service ${service.key} have weight 0`);
    }
    if (!isOwnWaypoint(store, waypoint, client)) {
      return routeToWaypoint(store, client, destination, waypoint, service, choice, excluded);
    }
  }
  if (service.loadBalancing.mode === 'passthrough') return { kind: 'passthrough', target: destination, service };
  const set = store.endpoints(service.key);
  const endpoint = set?.pick(service, destination.port, 'service', client, choice, excluded);
  if (endpoint === undefined) {
    return refuse('no-healthy-upstream', `service ${service.key} has no usable endpoint for port ${destination.port}`);
  }
  const { workload, port, identities } = endpoint;
  if (workload.network !== store.network) {
    return routeThroughGateway(store, client, destination, workload, service, choice, excluded);
  }
  const ip = chooseAddress(workload, destination.ip, service);
  if (ip === undefined) {
    return { kind: 'unresolved', hostname: workload.hostname, port, upstream: workload, service };
  }
  return routeToPort(workload, { ip, port }, identities, service);
}

function routeToWorkload(
  store: MeshStore,
  client: Client,
  destination: SocketAddress,
  workload: Workload,
  choice: Choice,
  excluded: ReadonlySet<string> | undefined,
): OutboundRoute {
  // Whether it has a waypoint, or how it is reached, is not known.
  if (workload.invalid !== undefined) return refuseInvalid(workload);
  if (workload.waypoint !== undefined && !isOwnWaypoint(store, workload.waypoint, client)) {
    return routeToWaypoint(store, client, destination, workload.waypoint, undefined, choice, excluded);
  }
  return routeToPort(workload, destination, workloadIdentities(workload), undefined);
}

/** Routes to one workload that are kept; each port, address and service makes one. */
const KEPT = 64;

interface KnownRoute {
  readonly target: SocketAddress;
  readonly identities: readonly SpiffeId[];
  readonly route: PlainRoute | TunnelRoute;
}

const routes = new WeakMap<Workload, KnownRoute[]>();

/** The same object for the same port of a workload, so that what depends on it is made once. */
function routeToPort(
  workload: Workload,
  target: SocketAddress,
  identities: readonly SpiffeId[],
  service: Service | undefined,
): PlainRoute | TunnelRoute {
  let known = routes.get(workload);
  if (known === undefined) {
    known = [];
    routes.set(workload, known);
  }
  const { ip, port } = target;
  for (const {
    target: { ip: knownIp, port: knownPort },
    identities: knownIdentities,
    route,
  } of known) {
    if (knownPort === port && knownIp === ip && knownIdentities === identities && route.service === service)
      return route;
  }
  const route = makeRoute(workload, target, identities, service);
  if (known.length >= KEPT) known.length = 0;
  known.push({ target, identities, route });
  return route;
}

function makeRoute(
  workload: Workload,
  target: SocketAddress,
  identities: readonly SpiffeId[],
  service: Service | undefined,
): PlainRoute | TunnelRoute {
  if (workload.protocol === 'tcp') return { kind: 'plain', target, upstream: workload, service };
  return {
    kind: 'tunnel',
    target: { ip: target.ip, port: HBONE_PORT },
    authority: formatSocketAddress(target),
    identities,
    upstream: workload,
    waypoint: false,
    service,
  };
}

/** A named waypoint that cannot be reached refuses the connection: it may have to judge it. */
function routeToWaypoint(
  store: MeshStore,
  client: Client,
  destination: SocketAddress,
  waypoint: GatewayAddress,
  service: Service | undefined,
  choice: Choice,
  excluded: ReadonlySet<string> | undefined,
): OutboundRoute {
  const picked = pickGateway(store, waypoint, client, destination.ip, choice, excluded);
  if (picked === undefined) {
    const whose = service === undefined ? formatSocketAddress(destination) : `service ${service.key}`;
    return refuse('waypoint-unresolved', `${whose} has waypoint ${describe(waypoint)}, which has no usable endpoint`);
  }
  const { workload, ip, port, identities } = picked;
  if (workload.network !== store.network) {
    return routeThroughGateway(store, client, destination, workload, service, choice, excluded);
  }
  if (ip === undefined) {
    return refuse('waypoint-unresolved', `waypoint ${describe(waypoint)} has an endpoint without address`);
  }
  return {
    kind: 'tunnel',
    target: { ip, port },
    authority: formatSocketAddress(destination),
    identities,
    upstream: workload,
    waypoint: true,
    service,
  };
}

function routeThroughGateway(
  store: MeshStore,
  client: Client,
  { ip: asked, port }: SocketAddress,
  destination: Workload,
  service: Service | undefined,
  choice: Choice,
  excluded: ReadonlySet<string> | undefined,
): DoubleTunnelRoute | Refusal {
  const { uid, network, networkGateway } = destination;
  if (service === undefined || networkGateway === undefined) {
    return refuse('remote-network', `${uid} is in network ${network}, to which no gateway leads from here`);
  }
  const picked = pickGateway(store, networkGateway, client, asked, choice, excluded);
  if (picked?.ip === undefined) {
    return refuse(
      'gateway-unresolved',
      `gateway ${describe(networkGateway)} of network ${network} has no usable endpoint`,
    );
  }
  return {
    kind: 'double-tunnel',
    target: { ip: picked.ip, port: picked.port },
    authority: `${service.hostname}:${port}`,
    identities: picked.identities,
    innerIdentities: serviceIdentities(service),
    upstream: picked.workload,
    destination,
    service,
  };
}

function drawWaypoint(waypoints: readonly WeightedWaypoint[], choice: Choice): GatewayAddress | undefined {
  if (waypoints.length === 1) return waypoints[0]?.address;
  const total = waypoints.reduce((sum, { weight }) => sum + weight, 0);
  let position = choice.random() * total;
  for (const { address, weight } of waypoints) {
    if (position < weight) return address;
    position -= weight;
  }
  return undefined;
}

function describe({ destination }: GatewayAddress): string {
  return destination.kind === 'address'
    ? `${destination.network}/${destination.ip}`
    : `${destination.namespace}/${destination.hostname}`;
}
