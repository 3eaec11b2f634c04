import type { ObjectKind } from './objects.ts';
import { suggestionFor } from './schema/suggestion.ts';

/** What is done with an object of some kind. */
export type KindHandling =
  | { readonly handling: 'read'; readonly kind: ObjectKind; readonly scope: 'cluster' | 'namespace' }
  /** `consequence`: `none` when the mesh has no interest in it, `not honoured` when a cluster would act on it. */
  | { readonly handling: 'ignored'; readonly consequence: 'none' | 'not honoured'; readonly reason: string }
  | { readonly handling: 'unknown'; readonly message: string; readonly cause?: string };

const GATEWAY_KINDS = [
  { kind: 'BackendTLSPolicy', scope: 'namespace' },
  { kind: 'Gateway', scope: 'namespace' },
  { kind: 'GatewayClass', scope: 'cluster' },
  { kind: 'GRPCRoute', scope: 'namespace' },
  { kind: 'HTTPRoute', scope: 'namespace' },
  { kind: 'ReferenceGrant', scope: 'namespace' },
  { kind: 'TCPRoute', scope: 'namespace' },
  { kind: 'TLSRoute', scope: 'namespace' },
] as const;

/** Kinds that were never of v1beta1. */
const NOT_BETA: readonly string[] = ['BackendTLSPolicy', 'GRPCRoute', 'TCPRoute', 'TLSRoute'];

const SECURITY_KINDS = [
  { kind: 'AuthorizationPolicy', scope: 'namespace' },
  { kind: 'PeerAuthentication', scope: 'namespace' },
  { kind: 'RequestAuthentication', scope: 'namespace' },
] as const;

const TELEMETRY_KINDS = [{ kind: 'Telemetry', scope: 'namespace' }] as const;

const TRAFFIC_KINDS = [
  { kind: 'DestinationRule', scope: 'namespace' },
  { kind: 'ServiceEntry', scope: 'namespace' },
  { kind: 'VirtualService', scope: 'namespace' },
  { kind: 'WorkloadEntry', scope: 'namespace' },
] as const;

const READ: Readonly<Record<string, readonly { kind: ObjectKind; scope: 'cluster' | 'namespace' }[]>> = {
  v1: [
    { kind: 'ConfigMap', scope: 'namespace' },
    { kind: 'Namespace', scope: 'cluster' },
    { kind: 'Node', scope: 'cluster' },
    { kind: 'Pod', scope: 'namespace' },
    { kind: 'Secret', scope: 'namespace' },
    { kind: 'Service', scope: 'namespace' },
    { kind: 'ServiceAccount', scope: 'namespace' },
  ],
  'apps/v1': [{ kind: 'Deployment', scope: 'namespace' }],
  'discovery.k8s.io/v1': [{ kind: 'EndpointSlice', scope: 'namespace' }],
  'gateway.networking.k8s.io/v1': GATEWAY_KINDS,
  'gateway.networking.k8s.io/v1alpha2': GATEWAY_KINDS.filter(({ kind }) => kind === 'TCPRoute' || kind === 'TLSRoute'),
  'gateway.networking.k8s.io/v1alpha3': GATEWAY_KINDS.filter(
    ({ kind }) => kind === 'TLSRoute' || kind === 'BackendTLSPolicy',
  ),
  'gateway.networking.k8s.io/v1beta1': GATEWAY_KINDS.filter(({ kind }) => !NOT_BETA.includes(kind)),
  'networking.istio.io/v1': TRAFFIC_KINDS,
  'networking.istio.io/v1alpha3': TRAFFIC_KINDS,
  'networking.istio.io/v1beta1': TRAFFIC_KINDS,
  'policy.ambit.io/v1alpha1': [{ kind: 'LocalRateLimitPolicy', scope: 'namespace' }],
  'security.istio.io/v1': SECURITY_KINDS,
  'security.istio.io/v1beta1': SECURITY_KINDS,
  'telemetry.istio.io/v1': TELEMETRY_KINDS,
  'telemetry.istio.io/v1alpha1': TELEMETRY_KINDS,
};

const PODS = 'no pods are made of it; only Pod and Deployment run here';
const WAYPOINT = 'waypoints do not know it, so nothing enforces it';

/** Kinds per API group that are taken and have no effect on the mesh. */
const HARMLESS: Readonly<Record<string, string>> = {
  '': 'Event LimitRange PersistentVolume PersistentVolumeClaim PodTemplate ResourceQuota',
  'admissionregistration.k8s.io':
    'MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration',
  'apiextensions.k8s.io': 'CustomResourceDefinition',
  'apiregistration.k8s.io': 'APIService',
  apps: 'ControllerRevision',
  autoscaling: 'HorizontalPodAutoscaler',
  'certificates.k8s.io': 'CertificateSigningRequest ClusterTrustBundle',
  'coordination.k8s.io': 'Lease',
  policy: 'PodDisruptionBudget',
  'rbac.authorization.k8s.io': 'ClusterRole ClusterRoleBinding Role RoleBinding',
  'scheduling.k8s.io': 'PriorityClass',
  'storage.k8s.io': 'CSIDriver CSINode StorageClass VolumeAttachment',
};

/** Kinds per API group on which a cluster would act and this controller does not, and why. */
const NOT_HONOURED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': { Endpoints: 'write an EndpointSlice instead', ReplicationController: PODS },
  apps: { 'DaemonSet ReplicaSet StatefulSet': PODS },
  batch: { 'CronJob Job': PODS },
  'extensions.istio.io': { 'TrafficExtension WasmPlugin': WAYPOINT },
  'gateway.networking.k8s.io': {
    ListenerSet: 'a waypoint has the one listener of its Gateway',
    UDPRoute: 'UDP passes outside of the mesh',
  },
  'networking.istio.io': {
    'EnvoyFilter ProxyConfig Sidecar': WAYPOINT,
    Gateway: 'no ingress is served',
    WorkloadGroup: 'no machine registers itself here; write a WorkloadEntry for each',
  },
  'networking.k8s.io': {
    'Ingress IngressClass': 'no ingress is served',
    NetworkPolicy: 'the network below the mesh enforces it, not the controller',
  },
};

/** What is done with objects of an API version and kind, as a manifest names them. */
export function handlingOf(apiVersion: string, kind: string): KindHandling {
  const read = Object.hasOwn(READ, apiVersion) ? READ[apiVersion]?.find((entry) => entry.kind === kind) : undefined;
  if (read !== undefined) return { handling: 'read', ...read };
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  if (kindsIn(HARMLESS, group).includes(kind)) {
    return { handling: 'ignored', consequence: 'none', reason: 'has no effect on the mesh' };
  }
  for (const [kinds, reason] of Object.entries(Object.hasOwn(NOT_HONOURED, group) ? (NOT_HONOURED[group] ?? {}) : {})) {
    if (kinds.split(' ').includes(kind)) return { handling: 'ignored', consequence: 'not honoured', reason };
  }
  return handlingOfUnknown(apiVersion, group, kind);
}

function handlingOfUnknown(apiVersion: string, group: string, kind: string): KindHandling {
  const versions = Object.keys(READ).filter((version) => groupOf(version) === group);
  const otherVersion = versions.find((version) => READ[version]?.some((entry) => entry.kind === kind) === true);
  if (otherVersion !== undefined) {
    return {
      handling: 'unknown',
      message: `no ${kind} of version ${apiVersion} is known`,
      cause: `write apiVersion: ${otherVersion}`,
    };
  }
  const everywhere = Object.entries(READ).find(([, entries]) => entries.some((entry) => entry.kind === kind));
  if (everywhere !== undefined) {
    return {
      handling: 'unknown',
      message: `no ${kind} of version ${apiVersion} is known`,
      cause: `write apiVersion: ${everywhere[0]}`,
    };
  }
  const known = kindsOfGroup(group);
  if (known.length === 0) {
    return { handling: 'ignored', consequence: 'not honoured', reason: `the API group ${group} is not known` };
  }
  const suggestion = suggestionFor(kind, known);
  const cause = suggestion === undefined ? {} : { cause: `did you mean ${suggestion}?` };
  return { handling: 'unknown', message: `${apiVersion} has no kind ${kind}`, ...cause };
}

function kindsOfGroup(group: string): string[] {
  return [
    ...Object.entries(READ).flatMap(([version, entries]) =>
      groupOf(version) === group ? entries.map(({ kind }) => kind) : [],
    ),
    ...kindsIn(HARMLESS, group),
    ...Object.keys(Object.hasOwn(NOT_HONOURED, group) ? (NOT_HONOURED[group] ?? {}) : {}).flatMap((kinds) =>
      kinds.split(' '),
    ),
  ];
}

function kindsIn(table: Readonly<Record<string, string>>, group: string): string[] {
  return Object.hasOwn(table, group) ? (table[group] ?? '').split(' ') : [];
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
