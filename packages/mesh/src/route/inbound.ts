import {
  formatSocketAddress,
  type IpAddress,
  isIpv6,
  parseSocketAddress,
  type SocketAddress,
} from '@ambit/core/address';
import { PROXY_PORTS } from '../ports.ts';
import type { MeshStore } from '../mesh-store.ts';
import type { Service } from '../service.ts';
import { preferred, type StoredService } from '../store/service-store.ts';
import type { GatewayAddress, Workload } from '../workload.ts';
import { resolveGateway } from './gateway.ts';
import { type Refusal, type RefusalReason, refuse, refuseInvalid } from './refusal.ts';

/** One CONNECT that arrived in a tunnel at a pod. */
export interface InboundRequest {
  /** The local address of the tunnel's TCP connection: the pod that was reached. */
  readonly localIp: IpAddress;
  /** The CONNECT target as it was sent. */
  readonly authority: string;
}

export interface InboundOptions {
  /** Hand tunnelled traffic to an application that takes it itself at the loopback address. Default true. */
  readonly localhostApplicationTunnel?: boolean;
}

/** Where an inbound connection goes in the pod. */
export interface InboundAccept {
  readonly kind: 'accept';
  /** Where the application is dialled. */
  readonly target: SocketAddress;
  /** What policies judge: the pod's address and the application's port. */
  readonly judged: SocketAddress;
  /** The destination to name in a PROXY header; undefined when none is to be sent. */
  readonly proxyDestination: SocketAddress | undefined;
  /** The service that the client asked for, as far as it is known. */
  readonly service: Service | undefined;
}

export type InboundRoute = InboundAccept | Refusal;

/** The HTTP status with which a CONNECT is refused: 400 for a target that can never be right here, else 503. */
export function statusOf(reason: RefusalReason): 400 | 503 {
  return reason === 'bad-authority' || reason === 'not-this-pod' ? 400 : 503;
}

/**
 * Where a CONNECT goes. The target is always the pod that was reached, whatever address the authority names: a pod's
 * proxy is no open relay. Another address is accepted only by a waypoint, for what it is the waypoint of.
 */
export function routeInbound(
  store: MeshStore,
  own: Workload | undefined,
  { localIp, authority }: InboundRequest,
  options: InboundOptions = {},
): InboundRoute {
  const address = parseSocketAddress(authority);
  const host = address === undefined ? parseHost(authority) : undefined;
  if (address === undefined && host === undefined) {
    return refuse('bad-authority', `CONNECT target ${JSON.stringify(authority.slice(0, 300))} is not address:port`);
  }
  if (own === undefined) return refuse('workload-unknown', `the controller has not told of the pod at ${localIp}`);
  // Which policies judge it is not known.
  if (own.invalid !== undefined) return refuseInvalid(own);
  let port: number;
  let service: Service | undefined;
  let asked: SocketAddress;
  if (address !== undefined) {
    if (address.ip !== localIp && !isWaypointFor(store, own, localIp, address.ip)) {
      return refuse('not-this-pod', `CONNECT to ${authority} reached ${localIp}, which is neither it nor its waypoint`);
    }
    port = address.port;
    asked = address;
    service = store.services.byAddress(store.network, address.ip, own.namespace)?.model;
  } else {
    const { hostname, servicePort } = host ?? { hostname: '', servicePort: 0 };
    service = serviceOf(store, own, hostname)?.model;
    if (service === undefined) return refuse('unknown-host', `${hostname} is no service known here`);
    const mapped = portFor(service, own, servicePort);
    if (mapped === undefined) return refuse('unknown-port', `service ${service.key} has no port ${servicePort} here`);
    port = mapped;
    asked = { ip: vipOf(service, store.network) ?? localIp, port: servicePort };
  }
  return accept(own, localIp, port, asked, service, options.localhostApplicationTunnel ?? true);
}

/** Where plaintext that was redirected on its way into a pod goes: where it wanted to, unless that is the proxy. */
export function routeInboundPlaintext(own: Workload | undefined, original: SocketAddress): InboundRoute {
  if (PROXY_PORTS.has(original.port)) {
    return refuse('self-call', `${formatSocketAddress(original)} is a port of the proxy itself`);
  }
  if (own === undefined) {
    return refuse('workload-unknown', `the controller has not told of the pod at ${original.ip}`);
  }
  if (own.invalid !== undefined) return refuseInvalid(own);
  return { kind: 'accept', target: original, judged: original, proxyDestination: undefined, service: undefined };
}

function accept(
  own: Workload,
  localIp: IpAddress,
  port: number,
  asked: SocketAddress,
  service: Service | undefined,
  loopback: boolean,
): InboundRoute {
  const tunnel = own.applicationTunnel;
  const actual = tunnel !== undefined && tunnel.port > 0 ? tunnel.port : port;
  if (PROXY_PORTS.has(actual)) {
    return refuse('self-call', `port ${actual} of ${localIp} is a port of the proxy itself`);
  }
  const judged = { ip: localIp, port: actual };
  const local = isIpv6(localIp) ? '::1' : '127.0.0.1';
  return {
    kind: 'accept',
    target: tunnel !== undefined && loopback ? { ip: local, port: actual } : judged,
    judged,
    proxyDestination: tunnel?.protocol === 'proxy' ? asked : undefined,
    service,
  };
}

/** Whether this pod takes traffic for `ip`: it handles tunnelled traffic itself, or is the waypoint that `ip` names. */
function isWaypointFor(store: MeshStore, own: Workload, localIp: IpAddress, ip: IpAddress): boolean {
  if (own.applicationTunnel !== undefined) return true;
  const exact = store.services.allByAddress(store.network, ip);
  const range = exact.length > 0 ? undefined : store.services.byRange(store.network, ip, own.namespace);
  const services = range === undefined ? exact : [range];
  const ofService = services.flatMap(({ model }) => model.waypoints.map(({ address }) => address));
  const workload = store.findWorkload(store.network, ip);
  const ofWorkload = workload?.waypoint === undefined ? [] : [workload.waypoint];
  return [...ofService, ...ofWorkload].some((gateway) => leadsTo(store, gateway, own, localIp));
}

function leadsTo(store: MeshStore, gateway: GatewayAddress, own: Workload, localIp: IpAddress): boolean {
  const target = resolveGateway(store, gateway);
  if (target === undefined) return false;
  if (target.kind === 'workload') return target.workload.addresses.includes(localIp);
  return store.endpoints(target.service.key)?.has(own.uid) === true;
}

/** The service behind a hostname: one that this pod belongs to, of its own namespace first; else any that it may see. */
function serviceOf(store: MeshStore, own: Workload, hostname: string): StoredService | undefined {
  const services = store.services.byHostname(hostname);
  const joined = services.filter(({ keys }) => own.services.has(keys.key));
  return preferred(joined, own.namespace) ?? preferred(services, own.namespace);
}

function portFor(service: Service, own: Workload, servicePort: number): number | undefined {
  const mapping = own.services.get(service.key)?.find((port) => port.servicePort === servicePort);
  if (mapping !== undefined && mapping.targetPort > 0) return mapping.targetPort;
  const common = service.ports.find((port) => port.servicePort === servicePort);
  if (common !== undefined && common.targetPort > 0) return common.targetPort;
  return own.applicationTunnel !== undefined && own.applicationTunnel.port > 0 ? servicePort : undefined;
}

/** The address to name for a service in a PROXY header: of this network and IPv4 when there is one. */
function vipOf(service: Service, network: string): IpAddress | undefined {
  const vips = service.addresses.filter(({ prefixLength }) => prefixLength === undefined);
  const local = vips.filter((vip) => vip.network === network);
  const candidates = local.length > 0 ? local : vips;
  return (candidates.find(({ ip }) => !isIpv6(ip)) ?? candidates[0])?.ip;
}

function parseHost(authority: string): { hostname: string; servicePort: number } | undefined {
  const match = /^([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?):([1-9][0-9]{0,4})$/.exec(authority);
  const hostname = match?.[1]?.toLowerCase();
  const servicePort = Number(match?.[2]);
  if (hostname === undefined || servicePort > 65_535) return undefined;
  // A last label of digits only is an IPv4 address that was not written properly, not a name.
  return /(?:^|\.)[0-9]+$/.test(hostname) ? undefined : { hostname, servicePort };
}
