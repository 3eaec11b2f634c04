import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type IpAddress, ipToBytes, parseIp } from '@ambit/core/address';
import {
  ApplicationTunnel_Protocol,
  type ApplicationTunnelSchema,
  type GatewayAddress,
  NetworkMode,
  TunnelProtocol,
  type Workload,
  WorkloadSchema,
  WorkloadStatus,
  WorkloadType,
} from '@ambit/proto/workload';
import { isCaptured, isTerminal } from '../enrolment.ts';
import { valueOf } from '../labels.ts';
import type { EndpointSlice, Node, Pod } from '../objects.ts';
import type { ServicePorts } from './membership.ts';
import type { TranslationSettings } from './settings.ts';
import { GATEWAY_CLASS_LABEL, GATEWAY_NAME_LABEL, WAYPOINT_CLASSES } from './waypoint/deployed-names.ts';
import type { InboundBinding } from './waypoint/sandwich.ts';
import { workloadNamesOf } from './workload-name.ts';

/** Label of a Pod or of the root namespace that names its network. */
export const NETWORK_LABEL = 'topology.istio.io/network';

/** ztunnel's default, which is left out on the wire. */
const DEFAULT_TRUST_DOMAIN = 'cluster.local';

/** As the wire has it. */
export function wireTrustDomain({ trustDomain }: TranslationSettings): string {
  return trustDomain === DEFAULT_TRUST_DOMAIN ? '' : trustDomain;
}

export interface WorkloadContext {
  readonly settings: TranslationSettings;
  /** Network of what carries no label for it. */
  readonly network: string;
  readonly node: Node | undefined;
  readonly services: ServicePorts;
  /** Names of the policies that select the workload. */
  readonly policies: readonly string[];
  readonly waypoint: GatewayAddress | undefined;
  /** Of the sandwiched waypoint that it is a pod of. */
  readonly inboundBinding: InboundBinding | undefined;
  /** Whether it should get connections. */
  readonly healthy: boolean;
}

/** Resource name of a pod. */
export function podUid({ metadata }: Pod, settings: TranslationSettings): string {
  return `${settings.clusterId}//Pod/${metadata.namespace}/${metadata.name}`;
}

/** Whether a pod is published: it has an address and has not ended. */
export function isPublishedPod(pod: Pod): boolean {
  return !isTerminal(pod) && podIps(pod).length > 0;
}

/** A published pod as a workload. */
export function convertPod(pod: Pod, context: WorkloadContext): Workload {
  const { metadata, spec } = pod;
  const { settings, node, services, policies, waypoint, inboundBinding, healthy } = context;
  const nativeTunnel = valueOf(metadata.labels, 'networking.istio.io/tunnel') === 'http' || isWaypointPod(pod);
  const names = workloadNamesOf(pod);
  return create(WorkloadSchema, {
    uid: podUid(pod, settings),
    name: metadata.name,
    namespace: metadata.namespace,
    addresses: podIps(pod).map((ip) => ipToBytes(ip)),
    network: valueOf(metadata.labels, NETWORK_LABEL) ?? context.network,
    tunnelProtocol: nativeTunnel || isCaptured(pod) ? TunnelProtocol.HBONE : TunnelProtocol.NONE,
    nativeTunnel,
    trustDomain: wireTrustDomain(settings),
    serviceAccount: serviceAccountOf(pod),
    ...(waypoint === undefined ? {} : { waypoint }),
    ...(inboundBinding === undefined ? {} : { applicationTunnel: applicationTunnelOf(inboundBinding) }),
    node: spec.nodeName ?? '',
    canonicalName: names.canonicalName,
    canonicalRevision: names.canonicalRevision,
    workloadName: names.workloadName,
    workloadType: WorkloadType.POD,
    authorizationPolicies: [...policies],
    status: healthy ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    clusterId: settings.clusterId,
    services,
    ...localityOf(node),
    networkMode: spec.hostNetwork === true ? NetworkMode.HOST_NETWORK : NetworkMode.STANDARD,
  });
}

/** An endpoint that no pod stands behind: an address without identity, one workload per address. */
export function convertEndpoint(
  slice: EndpointSlice,
  address: IpAddress,
  context: Pick<WorkloadContext, 'healthy' | 'network' | 'services' | 'settings'>,
): Workload {
  const { metadata } = slice;
  const { settings, network, services, healthy } = context;
  return create(WorkloadSchema, {
    uid: `${settings.clusterId}/discovery.k8s.io/EndpointSlice/${metadata.namespace}/${metadata.name}/${address}`,
    name: metadata.name,
    namespace: metadata.namespace,
    addresses: [ipToBytes(address)],
    network,
    tunnelProtocol: TunnelProtocol.NONE,
    workloadName: metadata.name,
    workloadType: WorkloadType.POD,
    canonicalName: metadata.name,
    canonicalRevision: 'latest',
    status: healthy ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    clusterId: settings.clusterId,
    services,
    // The address may be shared with something else, so no policy or identity may be found by it.
    networkMode: NetworkMode.HOST_NETWORK,
  });
}

/** The name of the ServiceAccount a pod runs as. */
export function serviceAccountOf({ spec }: Pod): string {
  return spec.serviceAccountName === undefined || spec.serviceAccountName === '' ? 'default' : spec.serviceAccountName;
}

/** Whether a pod is a waypoint's, which speaks HBONE itself. */
export function isWaypointPod({ metadata }: Pod): boolean {
  const gateway = valueOf(metadata.labels, GATEWAY_NAME_LABEL) ?? '';
  return gateway !== '' && WAYPOINT_CLASSES.includes(valueOf(metadata.labels, GATEWAY_CLASS_LABEL) ?? '');
}

function applicationTunnelOf({ protocol, port }: InboundBinding): MessageInitShape<typeof ApplicationTunnelSchema> {
  return { protocol: ApplicationTunnel_Protocol[protocol], port };
}

export function podIps({ status }: Pod): IpAddress[] {
  const texts = [status?.podIP ?? '', ...(status?.podIPs ?? []).map(({ ip }) => ip)];
  return [...new Set(texts.map((text) => parseIp(text)).filter((ip) => ip !== undefined))];
}

function localityOf(node: Node | undefined): { locality?: { region: string; zone: string; subzone: string } } {
  const label = (key: string): string => valueOf(node?.metadata.labels, key) ?? '';
  const locality = {
    region: label('topology.kubernetes.io/region'),
    zone: label('topology.kubernetes.io/zone'),
    subzone: label('topology.istio.io/subzone'),
  };
  return locality.region === '' && locality.zone === '' && locality.subzone === '' ? {} : { locality };
}
