import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ipToBytes, parseIp } from '@ambit/core/address';
import {
  type GatewayAddress,
  NetworkMode,
  TunnelProtocol,
  type Workload,
  WorkloadSchema,
  WorkloadStatus,
  WorkloadType,
} from '@ambit/proto/workload';
import { REDIRECTION_ANNOTATION } from '../../enrolment.ts';
import type { WorkloadEntry, WorkloadEntrySpec } from '../../entry-objects.ts';
import { valueOf } from '../../labels.ts';
import { type Metadata, objectName, type Texts } from '../../objects.ts';
import type { ServicePorts } from '../membership.ts';
import type { TranslationSettings } from '../settings.ts';
import { NETWORK_LABEL, wireTrustDomain } from '../workload.ts';
import { namesByLabels } from '../workload-name.ts';

/** Label of a workload that speaks HBONE itself. */
const TUNNEL_LABEL = 'networking.istio.io/tunnel';

export interface EntryWorkloadContext {
  readonly settings: TranslationSettings;
  readonly network: string;
  readonly services: ServicePorts;
  /** Somebody else is found by its address. */
  readonly sharesAddress: boolean;
}

/** Of a WorkloadEntry, which has policies and a waypoint as a Pod has them. */
export interface WorkloadEntryContext extends EntryWorkloadContext {
  readonly policies: readonly string[];
  readonly waypoint: GatewayAddress | undefined;
}

/** Resource name of a WorkloadEntry. */
export function workloadEntryUid({ metadata }: WorkloadEntry, { clusterId }: TranslationSettings): string {
  return `${clusterId}/networking.istio.io/WorkloadEntry/${objectName(metadata)}`;
}

export function convertWorkloadEntry(entry: WorkloadEntry, context: WorkloadEntryContext): Workload {
  const { metadata, spec } = entry;
  const labels = labelsOf(entry);
  const isCaptured = valueOf(metadata.annotations, REDIRECTION_ANNOTATION) === 'enabled';
  return create(WorkloadSchema, {
    ...common(spec, { metadata, labels, isCaptured }, context),
    uid: workloadEntryUid(entry, context.settings),
    authorizationPolicies: [...context.policies],
    ...(context.waypoint === undefined ? {} : { waypoint: context.waypoint }),
  });
}

/** Of an endpoint that is written into a ServiceEntry: one workload for each. */
export function convertInlineEndpoint(
  metadata: Metadata,
  endpoint: WorkloadEntrySpec,
  context: EntryWorkloadContext,
): Workload {
  const labels = endpoint.labels ?? {};
  return create(WorkloadSchema, {
    ...common(endpoint, { metadata, labels, isCaptured: false }, context),
    uid: `${context.settings.clusterId}/networking.istio.io/ServiceEntry/${objectName(metadata)}/${(endpoint.address ?? '').toLowerCase()}`,
  });
}

/** What selectors see: labels of the object, and those under `spec`, which count where both say something. */
export function labelsOf({ metadata, spec }: WorkloadEntry): Texts {
  return { ...metadata.labels, ...spec.labels };
}

function common(
  { address = '', network, locality, weight = 0, serviceAccount = '' }: WorkloadEntrySpec,
  { metadata, labels, isCaptured }: { metadata: Metadata; labels: Texts; isCaptured: boolean },
  context: EntryWorkloadContext,
): Exclude<MessageInitShape<typeof WorkloadSchema>, Workload> {
  const ip = parseIp(address);
  const nativeTunnel = valueOf(labels, TUNNEL_LABEL) === 'http';
  const [region = '', zone = '', subzone = ''] = (locality ?? '').split('/');
  const { settings, services } = context;
  const names = namesByLabels(labels, metadata.name);
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    addresses: ip === undefined ? [] : [ipToBytes(ip)],
    hostname: ip === undefined ? address.toLowerCase().replace(/\.$/, '') : '',
    network: (network ?? '') === '' ? (valueOf(labels, NETWORK_LABEL) ?? context.network) : (network ?? ''),
    tunnelProtocol: nativeTunnel || isCaptured ? TunnelProtocol.HBONE : TunnelProtocol.NONE,
    nativeTunnel,
    trustDomain: wireTrustDomain(settings),
    serviceAccount,
    ...names,
    workloadType: WorkloadType.POD,
    status: WorkloadStatus.HEALTHY,
    clusterId: settings.clusterId,
    services,
    ...(region === '' ? {} : { locality: { region, zone, subzone } }),
    // 0 is not written, which is to say one.
    ...(weight === 0 ? {} : { capacity: weight }),
    networkMode: context.sharesAddress ? NetworkMode.HOST_NETWORK : NetworkMode.STANDARD,
  };
}
