import type { ServiceEntry, WorkloadEntry } from './entry-objects.ts';
import type {
  BackendTlsPolicy,
  Gateway,
  GatewayClass,
  GrpcRoute,
  HttpRoute,
  ReferenceGrant,
  TcpRoute,
  TlsRoute,
} from './gateway-objects.ts';
import type { LocalRateLimitPolicy } from './rate-limit-objects.ts';
import type { Telemetry } from './telemetry-objects.ts';
import type { DestinationRule, VirtualService } from './traffic-objects.ts';

/**
 * The objects that are read, in the shape the Kubernetes API gives them. A decoded object holds every field that was
 * written; typed here are those that this project looks at. Its maps have no prototype.
 */
export type ManifestObject =
  | AuthorizationPolicy
  | BackendTlsPolicy
  | ConfigMap
  | Deployment
  | DestinationRule
  | EndpointSlice
  | Gateway
  | GatewayClass
  | GrpcRoute
  | HttpRoute
  | LocalRateLimitPolicy
  | Namespace
  | Node
  | PeerAuthentication
  | Pod
  | ReferenceGrant
  | RequestAuthentication
  | Service
  | Secret
  | ServiceAccount
  | ServiceEntry
  | TcpRoute
  | Telemetry
  | TlsRoute
  | VirtualService
  | WorkloadEntry;

export type ObjectKind = ManifestObject['kind'];

export type Texts = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name: string;
  /** Filled in when read: `default` when a namespaced object names none, empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly uid?: string;
  /** Counts the changes of `spec`; only an API server gives it. */
  readonly generation?: number;
  readonly labels?: Texts;
  readonly annotations?: Texts;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface Namespace {
  readonly apiVersion: string;
  readonly kind: 'Namespace';
  readonly metadata: Metadata;
}

/** Of which only certificates are read. */
export interface ConfigMap {
  readonly apiVersion: string;
  readonly kind: 'ConfigMap';
  readonly metadata: Metadata;
  readonly data?: Texts;
}

/** Of which only certificates and their keys are read. */
export interface Secret {
  readonly apiVersion: string;
  readonly kind: 'Secret';
  readonly metadata: Metadata;
  /** In base64. */
  readonly data?: Texts;
  /** As it is; goes before `data`. */
  readonly stringData?: Texts;
}

export interface Node {
  readonly apiVersion: string;
  readonly kind: 'Node';
  readonly metadata: Metadata;
}

export interface ServiceAccount {
  readonly apiVersion: string;
  readonly kind: 'ServiceAccount';
  readonly metadata: Metadata;
}

export interface Pod {
  readonly apiVersion: string;
  readonly kind: 'Pod';
  readonly metadata: Metadata;
  readonly spec: PodSpec;
  readonly status?: PodStatus;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly nodeName?: string;
  readonly nodeSelector?: Texts;
  /** Absent: `default`. */
  readonly serviceAccountName?: string;
  readonly hostNetwork?: boolean;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly restartPolicy?: 'Always' | 'Never' | 'OnFailure';
  /** Seconds; absent: 30. */
  readonly terminationGracePeriodSeconds?: number;
  /** Conditions of others on which readiness depends besides the containers' own. */
  readonly readinessGates?: readonly { readonly conditionType: string }[];
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly ContainerPort[];
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
  /** `Always` on an init container makes it run beside the others. */
  readonly restartPolicy?: string;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath?: string } };
}

export interface ContainerPort {
  readonly containerPort: number;
  readonly name?: string;
  /** Absent: TCP. */
  readonly protocol?: 'SCTP' | 'TCP' | 'UDP';
  readonly hostPort?: number;
}

/** Absent numbers have the kubelet's defaults: delay 0 s, period 10 s, timeout 1 s, success 1, failure 3. */
export interface Probe {
  readonly httpGet?: {
    readonly port: number | string;
    readonly path?: string;
    readonly host?: string;
    readonly scheme?: 'HTTP' | 'HTTPS';
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  };
  readonly tcpSocket?: { readonly port: number | string; readonly host?: string };
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly exec?: { readonly command?: readonly string[] };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}

export interface PodStatus {
  readonly phase?: 'Failed' | 'Pending' | 'Running' | 'Succeeded' | 'Unknown';
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly conditions?: readonly { readonly type: string; readonly status: 'False' | 'True' | 'Unknown' }[];
}

export interface Service {
  readonly apiVersion: string;
  readonly kind: 'Service';
  readonly metadata: Metadata;
  readonly spec: ServiceSpec;
}

export interface ServiceSpec {
  /** Absent: ClusterIP. */
  readonly type?: 'ClusterIP' | 'ExternalName' | 'LoadBalancer' | 'NodePort';
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly externalName?: string;
  readonly ports?: readonly ServicePort[];
  readonly selector?: Texts;
  readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
  readonly internalTrafficPolicy?: 'Cluster' | 'Local';
  readonly trafficDistribution?: TrafficDistribution;
  readonly publishNotReadyAddresses?: boolean;
}

export type TrafficDistribution = 'PreferClose' | 'PreferSameNode' | 'PreferSameZone';

export interface ServicePort {
  readonly port: number;
  readonly name?: string;
  /** Absent: TCP. */
  readonly protocol?: 'SCTP' | 'TCP' | 'UDP';
  /** A number, or the name of a container's port; absent: the same as `port`. */
  readonly targetPort?: number | string;
  readonly appProtocol?: string;
}

export interface EndpointSlice {
  readonly apiVersion: string;
  readonly kind: 'EndpointSlice';
  readonly metadata: Metadata;
  readonly addressType: 'FQDN' | 'IPv4' | 'IPv6';
  readonly endpoints: readonly Endpoint[];
  readonly ports?: readonly EndpointPort[];
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly nodeName?: string;
  readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
}

export interface EndpointPort {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: 'SCTP' | 'TCP' | 'UDP';
}

export interface Deployment {
  readonly apiVersion: string;
  readonly kind: 'Deployment';
  readonly metadata: Metadata;
  readonly spec: {
    /** Absent: 1. */
    readonly replicas?: number;
    readonly selector: LabelSelector;
    readonly template: { readonly metadata?: Partial<Metadata>; readonly spec: PodSpec };
  };
}

export interface LabelSelector {
  readonly matchLabels?: Texts;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'DoesNotExist' | 'Exists' | 'In' | 'NotIn';
    readonly values?: readonly string[];
  }[];
}

export interface AuthorizationPolicy {
  readonly apiVersion: string;
  readonly kind: 'AuthorizationPolicy';
  readonly metadata: Metadata;
  readonly spec: AuthorizationPolicySpec;
}

export interface AuthorizationPolicySpec {
  readonly selector?: { readonly matchLabels?: Texts };
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
  /** Absent: ALLOW. */
  readonly action?: 'ALLOW' | 'AUDIT' | 'CUSTOM' | 'DENY';
  readonly provider?: { readonly name: string };
  readonly rules?: readonly PolicyRule[];
}

export interface PolicyTargetReference {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
}

export interface PolicyRule {
  readonly from?: readonly { readonly source: RuleSource }[];
  readonly to?: readonly { readonly operation: RuleOperation }[];
  readonly when?: readonly RuleCondition[];
}

export type SourceField =
  | 'ipBlocks'
  | 'namespaces'
  | 'notIpBlocks'
  | 'notNamespaces'
  | 'notPrincipals'
  | 'notRemoteIpBlocks'
  | 'notRequestPrincipals'
  | 'notServiceAccounts'
  | 'notTrustDomains'
  | 'principals'
  | 'remoteIpBlocks'
  | 'requestPrincipals'
  | 'serviceAccounts'
  | 'trustDomains';

export type RuleSource = Readonly<Partial<Record<SourceField, readonly string[]>>>;

export type OperationField =
  | 'hosts'
  | 'methods'
  | 'notHosts'
  | 'notMethods'
  | 'notPaths'
  | 'notPorts'
  | 'paths'
  | 'ports';

export type RuleOperation = Readonly<Partial<Record<OperationField, readonly string[]>>>;

export interface RuleCondition {
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

export interface PeerAuthentication {
  readonly apiVersion: string;
  readonly kind: 'PeerAuthentication';
  readonly metadata: Metadata;
  readonly spec: PeerAuthenticationSpec;
}

export type MutualTlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT' | 'UNSET';

export interface PeerAuthenticationSpec {
  readonly selector?: { readonly matchLabels?: Texts };
  readonly mtls?: { readonly mode?: MutualTlsMode };
  /** Keys are ports of the workload, 1 to 65535. */
  readonly portLevelMtls?: Readonly<Record<string, { readonly mode?: MutualTlsMode }>>;
}

export interface RequestAuthentication {
  readonly apiVersion: string;
  readonly kind: 'RequestAuthentication';
  readonly metadata: Metadata;
  readonly spec: {
    readonly selector?: { readonly matchLabels?: Texts };
    readonly targetRef?: PolicyTargetReference;
    readonly targetRefs?: readonly PolicyTargetReference[];
    /** Whose tokens are good, and where they are carried. */
    readonly jwtRules?: readonly JwtRule[];
  };
}

export interface JwtRule {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  /** At most one of these three. */
  readonly jwksUri?: string;
  readonly jwks_uri?: string;
  readonly jwks?: string;
  readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
  readonly forwardOriginalToken?: boolean;
  readonly timeout?: string;
  readonly spaceDelimitedClaims?: readonly string[];
}

/** `namespace/name`, or the name of a cluster-wide object. */
export function objectName(metadata: Pick<Metadata, 'name' | 'namespace'>): string {
  return metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
