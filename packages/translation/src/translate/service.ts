import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type IpAddress, ipToBytes, parseIp } from '@ambit/core/address';
import {
  AppProtocol,
  type GatewayAddress,
  IPFamilies,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  type LoadBalancingSchema,
  type PortSchema,
  type WeightedWaypointSchema,
  type Service as WireService,
  ServiceSchema,
} from '@ambit/proto/workload';
import { valueOf } from '../labels.ts';
import type { Metadata, Namespace, Service, ServicePort, ServiceSpec } from '../objects.ts';
import type { MeshService } from './mesh-service.ts';
import type { TranslationSettings } from './settings.ts';

/** What of a Service is published: everything but aliases of foreign names, which DNS answers. */
export function isPublished({ spec }: Service): boolean {
  return spec.type !== 'ExternalName';
}

/** The name that clients resolve. */
export function hostnameOf(service: MeshService, settings: TranslationSettings): string {
  if (service.kind === 'ServiceEntry') return service.hostname;
  const { metadata } = service;
  return `${metadata.name}.${metadata.namespace}.svc.${settings.clusterDomain}`;
}

/** Key of a Service among resources and in the service lists of workloads: `namespace/hostname`. */
export function serviceKey(service: MeshService, settings: TranslationSettings): string {
  return `${service.metadata.namespace}/${hostnameOf(service, settings)}`;
}

/** The ports that the mesh carries: those of TCP. */
export function tcpPorts({ spec }: MeshService): readonly ServicePort[] {
  return (spec.ports ?? []).filter(({ protocol }) => protocol === undefined || protocol === 'TCP');
}

export interface ServiceContext {
  readonly settings: TranslationSettings;
  readonly network: string;
  readonly namespace: Namespace | undefined;
  readonly waypoint: GatewayAddress | undefined;
  /** A second waypoint, and its share of the connections in percent; the first one has the rest. */
  readonly canary: { readonly address: GatewayAddress; readonly weight: number } | undefined;
}

export function convertService(service: Service, context: ServiceContext): WireService {
  const { metadata, spec } = service;
  const { network } = context;
  const loadBalancing = loadBalancingOf(service, context.namespace);
  return create(ServiceSchema, {
    name: metadata.name,
    namespace: metadata.namespace,
    hostname: hostnameOf(service, context.settings),
    addresses: clusterIps(service).map((ip) => ({ network, address: ipToBytes(ip) })),
    ports: wirePorts(service),
    ...wireWaypoints(context),
    ...(loadBalancing === undefined ? {} : { loadBalancing }),
    ipFamilies: ipFamiliesOf(spec.ipFamilies ?? []),
    canonical: true,
  });
}

export function wirePorts(service: MeshService): MessageInitShape<typeof PortSchema>[] {
  return tcpPorts(service).map((port) => ({
    servicePort: port.port,
    // 0: named, and so different from pod to pod; the workloads carry the number.
    targetPort: typeof port.targetPort === 'string' ? 0 : (port.targetPort ?? port.port),
    appProtocol: appProtocolOf(port),
  }));
}

/** The waypoints of a service as the wire has them. */
export function wireWaypoints({ waypoint, canary }: Pick<ServiceContext, 'canary' | 'waypoint'>): {
  waypoint?: GatewayAddress;
  weightedWaypoints?: MessageInitShape<typeof WeightedWaypointSchema>[];
} {
  if (waypoint === undefined) return {};
  return canary === undefined ? { waypoint } : { waypoint, weightedWaypoints: sharedWaypoints(waypoint, canary) };
}

function sharedWaypoints(
  destination: GatewayAddress,
  canary: { readonly address: GatewayAddress; readonly weight: number },
): MessageInitShape<typeof WeightedWaypointSchema>[] {
  return [
    { destination, weight: 100 - canary.weight },
    { destination: canary.address, weight: canary.weight },
  ];
}

/** The virtual addresses; none for headless Services. */
export function clusterIps({ spec }: Service): IpAddress[] {
  const texts = spec.clusterIPs !== undefined && spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP ?? ''];
  const ips = texts.map((text) => parseIp(text)).filter((ip) => ip !== undefined);
  return [...new Set(ips)];
}

/** What says which endpoints are preferred. */
interface Preferring {
  readonly metadata: Metadata;
  readonly spec: ServiceSpec;
}

const CLOSE = [LoadBalancing_Scope.NETWORK, LoadBalancing_Scope.REGION, LoadBalancing_Scope.ZONE];

/** Undefined: whatever endpoint is ready. */
export function loadBalancingOf(
  service: Preferring,
  namespace: Namespace | undefined,
): MessageInitShape<typeof LoadBalancingSchema> | undefined {
  const { spec } = service;
  const health = spec.publishNotReadyAddresses === true ? { healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL } : {};
  if (spec.internalTrafficPolicy === 'Local') {
    return { routingPreference: [LoadBalancing_Scope.NODE], mode: LoadBalancing_Mode.STRICT, ...health };
  }
  switch (distributionOf(service, namespace)) {
    case 'prefersamenode':
      return {
        routingPreference: [...CLOSE, LoadBalancing_Scope.SUBZONE, LoadBalancing_Scope.NODE],
        mode: LoadBalancing_Mode.FAILOVER,
        ...health,
      };
    case 'preferclose':
    case 'prefersamezone':
      return { routingPreference: CLOSE, mode: LoadBalancing_Mode.FAILOVER, ...health };
    default:
      return spec.publishNotReadyAddresses === true ? health : undefined;
  }
}

/** In lower case; the field of the Service, else its annotation, else that of its namespace. */
function distributionOf({ metadata, spec }: Preferring, namespace: Namespace | undefined): string {
  const annotation = 'networking.istio.io/traffic-distribution';
  const text =
    spec.trafficDistribution ??
    valueOf(metadata.annotations, annotation) ??
    valueOf(namespace?.metadata.annotations, annotation) ??
    '';
  return text.toLowerCase();
}

function ipFamiliesOf(families: readonly ('IPv4' | 'IPv6')[]): IPFamilies {
  const [four, six] = [families.includes('IPv4'), families.includes('IPv6')];
  if (four) return six ? IPFamilies.DUAL : IPFamilies.IPV4_ONLY;
  return six ? IPFamilies.IPV6_ONLY : IPFamilies.AUTOMATIC;
}

/** Names of protocols, as `appProtocol` and as the part of a port's name before its first hyphen. */
const PROTOCOLS: ReadonlyMap<string, AppProtocol> = new Map([
  ['http', AppProtocol.HTTP11],
  ['kubernetes.io/ws', AppProtocol.HTTP11],
  ['http2', AppProtocol.HTTP2],
  ['kubernetes.io/h2c', AppProtocol.HTTP2],
  ['grpc', AppProtocol.GRPC],
  ['https', AppProtocol.TLS],
  ['kubernetes.io/wss', AppProtocol.TLS],
  ['tls', AppProtocol.TLS],
  ['tcp', AppProtocol.TCP],
  ['mongo', AppProtocol.TCP],
  ['mysql', AppProtocol.TCP],
  ['redis', AppProtocol.TCP],
]);

/** The protocol that a port declares by `appProtocol`, else by the begin of its name. */
export function appProtocolOf({ appProtocol, name }: ServicePort): AppProtocol {
  if (appProtocol !== undefined) return PROTOCOLS.get(appProtocol.toLowerCase()) ?? AppProtocol.UNKNOWN;
  if (name === undefined) return AppProtocol.UNKNOWN;
  // gRPC-Web is ordinary HTTP on the wire.
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return AppProtocol.HTTP11;
  return PROTOCOLS.get(name.split('-')[0] ?? '') ?? AppProtocol.UNKNOWN;
}
