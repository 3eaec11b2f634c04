/** A reference from an object to one that owns it; when the owner goes, the object is collected. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** ObjectMeta as the API server writes it, without `managedFields`, which are left out of everything that is read. */
export interface Metadata {
  readonly name: string;
  /** Absent for objects of cluster scope. */
  readonly namespace?: string;
  readonly uid?: string;
  /** Names one state of one object; sent back, it is an optimistic lock. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339. Set while finalizers hold the object. */
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

/**
 * What every object has. Further fields are the caller's own type, and the caller's to check: the API server vouches for
 * built-in kinds only, and for custom ones as far as their schema goes.
 */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
}

/** Where the objects of a kind live in the API. */
export interface Resource<Kind extends string = string> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The name in paths, lower case: `pods`. */
  readonly plural: string;
  readonly kind: Kind;
  readonly namespaced: boolean;
}

function namespaced<Kind extends string>(group: string, version: string, plural: string, kind: Kind): Resource<Kind> {
  return { group, version, plural, kind, namespaced: true };
}

function clusterWide<Kind extends string>(group: string, version: string, plural: string, kind: Kind): Resource<Kind> {
  return { group, version, plural, kind, namespaced: false };
}

export const NAMESPACES: Resource<'Namespace'> = clusterWide('', 'v1', 'namespaces', 'Namespace');
export const NODES: Resource<'Node'> = clusterWide('', 'v1', 'nodes', 'Node');
export const PODS: Resource<'Pod'> = namespaced('', 'v1', 'pods', 'Pod');
export const SERVICES: Resource<'Service'> = namespaced('', 'v1', 'services', 'Service');
export const SERVICE_ACCOUNTS: Resource<'ServiceAccount'> = namespaced('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const CONFIG_MAPS: Resource<'ConfigMap'> = namespaced('', 'v1', 'configmaps', 'ConfigMap');
export const SECRETS: Resource<'Secret'> = namespaced('', 'v1', 'secrets', 'Secret');

export const DAEMON_SETS: Resource<'DaemonSet'> = namespaced('apps', 'v1', 'daemonsets', 'DaemonSet');
export const DEPLOYMENTS: Resource<'Deployment'> = namespaced('apps', 'v1', 'deployments', 'Deployment');
export const POD_DISRUPTION_BUDGETS: Resource<'PodDisruptionBudget'> = namespaced(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
);

export const ENDPOINT_SLICES: Resource<'EndpointSlice'> = namespaced(
  'discovery.k8s.io',
  'v1',
  'endpointslices',
  'EndpointSlice',
);
export const LEASES: Resource<'Lease'> = namespaced('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const EVENTS: Resource<'Event'> = namespaced('events.k8s.io', 'v1', 'events', 'Event');
export const CUSTOM_RESOURCE_DEFINITIONS: Resource<'CustomResourceDefinition'> = clusterWide(
  'apiextensions.k8s.io',
  'v1',
  'customresourcedefinitions',
  'CustomResourceDefinition',
);
export const VALIDATING_WEBHOOK_CONFIGURATIONS: Resource<'ValidatingWebhookConfiguration'> = clusterWide(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
);

const GATEWAY = 'gateway.networking.k8s.io';
export const GATEWAY_CLASSES: Resource<'GatewayClass'> = clusterWide(GATEWAY, 'v1', 'gatewayclasses', 'GatewayClass');
export const GATEWAYS: Resource<'Gateway'> = namespaced(GATEWAY, 'v1', 'gateways', 'Gateway');
export const HTTP_ROUTES: Resource<'HTTPRoute'> = namespaced(GATEWAY, 'v1', 'httproutes', 'HTTPRoute');
/** v1 since release 1.4 of the Gateway API. */
export const BACKEND_TLS_POLICIES: Resource<'BackendTLSPolicy'> = namespaced(
  GATEWAY,
  'v1',
  'backendtlspolicies',
  'BackendTLSPolicy',
);
export const GRPC_ROUTES: Resource<'GRPCRoute'> = namespaced(GATEWAY, 'v1', 'grpcroutes', 'GRPCRoute');
/** v1 since release 1.6 of the Gateway API. */
export const TCP_ROUTES: Resource<'TCPRoute'> = namespaced(GATEWAY, 'v1', 'tcproutes', 'TCPRoute');
/** v1 since release 1.5 of the Gateway API. */
export const TLS_ROUTES: Resource<'TLSRoute'> = namespaced(GATEWAY, 'v1', 'tlsroutes', 'TLSRoute');
/** v1beta1, which every release of the Gateway API serves. */
export const REFERENCE_GRANTS: Resource<'ReferenceGrant'> = namespaced(
  GATEWAY,
  'v1beta1',
  'referencegrants',
  'ReferenceGrant',
);

/** Of this project. */
export const LOCAL_RATE_LIMIT_POLICIES: Resource<'LocalRateLimitPolicy'> = namespaced(
  'policy.ambit.io',
  'v1alpha1',
  'localratelimitpolicies',
  'LocalRateLimitPolicy',
);

export const VIRTUAL_SERVICES: Resource<'VirtualService'> = namespaced(
  'networking.istio.io',
  'v1',
  'virtualservices',
  'VirtualService',
);
export const SERVICE_ENTRIES: Resource<'ServiceEntry'> = namespaced(
  'networking.istio.io',
  'v1',
  'serviceentries',
  'ServiceEntry',
);
export const WORKLOAD_ENTRIES: Resource<'WorkloadEntry'> = namespaced(
  'networking.istio.io',
  'v1',
  'workloadentries',
  'WorkloadEntry',
);
export const DESTINATION_RULES: Resource<'DestinationRule'> = namespaced(
  'networking.istio.io',
  'v1',
  'destinationrules',
  'DestinationRule',
);
export const AUTHORIZATION_POLICIES: Resource<'AuthorizationPolicy'> = namespaced(
  'security.istio.io',
  'v1',
  'authorizationpolicies',
  'AuthorizationPolicy',
);
export const REQUEST_AUTHENTICATIONS: Resource<'RequestAuthentication'> = namespaced(
  'security.istio.io',
  'v1',
  'requestauthentications',
  'RequestAuthentication',
);
export const TELEMETRIES: Resource<'Telemetry'> = namespaced('telemetry.istio.io', 'v1', 'telemetries', 'Telemetry');
export const PEER_AUTHENTICATIONS: Resource<'PeerAuthentication'> = namespaced(
  'security.istio.io',
  'v1',
  'peerauthentications',
  'PeerAuthentication',
);
