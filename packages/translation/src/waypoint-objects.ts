import type { Gateway } from './gateway-objects.ts';
import type { Deployment, EnvVar, Metadata, Service, ServiceAccount, Texts } from './objects.ts';
import type { TranslationSettings } from './translate/settings.ts';
import {
  deployedNamesOf,
  GATEWAY_CLASS_LABEL,
  GATEWAY_NAME_LABEL,
  MANAGED_LABEL,
} from './translate/waypoint/deployed-names.ts';
import { replicasOf } from './translate/waypoint/replicas.ts';

/** What a Gateway of a class of waypoints becomes. */
export interface WaypointObjects {
  readonly serviceAccount: ServiceAccount;
  readonly deployment: Deployment;
  readonly service: Service;
  readonly podDisruptionBudget: PodDisruptionBudget;
}

/** As far as it is written here. */
export interface PodDisruptionBudget {
  readonly apiVersion: 'policy/v1';
  readonly kind: 'PodDisruptionBudget';
  readonly metadata: Metadata;
  readonly spec: {
    readonly maxUnavailable: number;
    readonly selector: { readonly matchLabels: Texts };
    readonly unhealthyPodEvictionPolicy: 'AlwaysAllow';
  };
}

export interface WaypointObjectSettings
  extends Pick<TranslationSettings, 'clusterDomain' | 'clusterId' | 'network' | 'rootNamespace' | 'trustDomain'> {
  /** Image of the waypoint, with its tag. */
  readonly image: string;
  /** Pods of a Gateway that does not say how many. */
  readonly replicas: number;
}

/** The image of a release. */
export function waypointImage(version: string): string {
  return `ghcr.io/ambit-mesh/waypoint:${version}`;
}

/** On everything that is made of a Gateway, in the label `MANAGED_LABEL`: whose it is. */
export const MANAGED_BY = 'istio.io-mesh-controller';

const CONTROLLER_PORT = 15_012;
const HBONE_PORT = 15_008;
const METRICS_PORT = 15_020;
const STATUS_PORT = 15_021;
const TOKEN_SECONDS = 43_200;
/** Unprivileged, the same as that of Istio's proxies. */
const PROXY_USER = 1_337;

/**
 * The objects that run a waypoint, with Istio's names, labels and ports. They stand in the Gateway's namespace, with as
 * many pods as the annotation `ambit.io/replicas` or the settings say; labels and annotations of `spec.infrastructure` are on all of
 * them. Pure: the same Gateway gives the same objects.
 */
export function waypointObjects(gateway: Gateway, settings: WaypointObjectSettings): WaypointObjects {
  const { name, serviceAccount } = deployedNamesOf(gateway);
  const infrastructure = gateway.spec.infrastructure ?? {};
  const labels = {
    ...foreign(infrastructure.labels),
    [GATEWAY_NAME_LABEL]: gateway.metadata.name,
    [GATEWAY_CLASS_LABEL]: gateway.spec.gatewayClassName,
    [MANAGED_LABEL]: MANAGED_BY,
  };
  const annotations = foreign(infrastructure.annotations);
  const metadata = (objectName: string, further: Texts = {}): Metadata => ({
    name: objectName,
    namespace: gateway.metadata.namespace,
    labels,
    ...texts('annotations', { ...further, ...annotations }),
    ...ownedBy(gateway),
  });
  const selector = { [GATEWAY_NAME_LABEL]: gateway.metadata.name };
  const podLabels = {
    ...labels,
    'istio.io/dataplane-mode': 'none',
    'sidecar.istio.io/inject': 'false',
    'service.istio.io/canonical-name': name,
    'service.istio.io/canonical-revision': 'latest',
  };
  const spec = {
    replicas: replicasOf(gateway, settings.replicas) ?? settings.replicas,
    selector: { matchLabels: selector },
    // A pod goes only when its successor takes requests.
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: podLabels, ...texts('annotations', annotations) },
      spec: podSpec(gateway.metadata.name, serviceAccount, selector, settings),
    },
  };
  const serviceSpec = {
    type: 'ClusterIP' as const,
    ipFamilyPolicy: 'PreferDualStack',
    selector,
    ports: [
      { name: 'status-port', port: STATUS_PORT, protocol: 'TCP' as const, appProtocol: 'tcp' },
      { name: 'mesh', port: HBONE_PORT, protocol: 'TCP' as const, appProtocol: 'hbone' },
    ],
  };
  return {
    serviceAccount: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(serviceAccount) },
    deployment: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(name), spec },
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(name, { 'networking.istio.io/traffic-distribution': 'PreferClose' }),
      spec: serviceSpec,
    },
    podDisruptionBudget: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadata(name),
      // A pod that is not ready serves nobody, and must not hold up the draining of its node.
      spec: { maxUnavailable: 1, selector: { matchLabels: selector }, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    },
  };
}

function podSpec(
  gatewayName: string,
  serviceAccount: string,
  selector: Texts,
  settings: WaypointObjectSettings,
): Deployment['spec']['template']['spec'] {
  const container = {
    name: 'istio-proxy',
    image: settings.image,
    imagePullPolicy: 'IfNotPresent',
    ports: [
      { name: 'metrics', containerPort: METRICS_PORT, protocol: 'TCP' as const },
      { name: 'status-port', containerPort: STATUS_PORT, protocol: 'TCP' as const },
    ],
    env: environment(gatewayName, settings),
    // Thirty seconds to start, then a minute of silence takes it out of the Service.
    startupProbe: { ...READY, periodSeconds: 1, failureThreshold: 30 },
    readinessProbe: { ...READY, periodSeconds: 15, failureThreshold: 4 },
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsGroup: PROXY_USER,
      runAsNonRoot: true,
      runAsUser: PROXY_USER,
    },
    volumeMounts: [
      { name: 'istio-token', mountPath: '/var/run/secrets/tokens', readOnly: true },
      { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio', readOnly: true },
    ],
  };
  const spec = {
    serviceAccountName: serviceAccount,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 30,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selector },
      },
    ],
    containers: [container],
    volumes: [
      {
        name: 'istio-token',
        projected: {
          sources: [
            { serviceAccountToken: { audience: 'istio-ca', expirationSeconds: TOKEN_SECONDS, path: 'istio-token' } },
          ],
        },
      },
      { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
    ],
  };
  return spec;
}

const READY = {
  httpGet: { path: '/healthz/ready', port: STATUS_PORT, scheme: 'HTTP' as const },
  timeoutSeconds: 1,
  successThreshold: 1,
};

function environment(gatewayName: string, settings: WaypointObjectSettings): EnvVar[] {
  const fields: readonly (readonly [string, string])[] = [
    ['POD_NAME', 'metadata.name'],
    ['POD_NAMESPACE', 'metadata.namespace'],
    ['INSTANCE_IP', 'status.podIP'],
    ['NODE_NAME', 'spec.nodeName'],
    ['SERVICE_ACCOUNT', 'spec.serviceAccountName'],
  ];
  const controller = `https://istiod.${settings.rootNamespace}.svc:${CONTROLLER_PORT}`;
  const values: readonly (readonly [string, string])[] = [
    ['GATEWAY_NAME', gatewayName],
    ['CLUSTER_ID', settings.clusterId],
    ['CLUSTER_DOMAIN', settings.clusterDomain],
    ['NETWORK', settings.network],
    ['TRUST_DOMAIN', settings.trustDomain],
    ['XDS_ADDRESS', controller],
    ['CA_ADDRESS', controller],
    ['AUTH_TOKEN', '/var/run/secrets/tokens/istio-token'],
    ['XDS_ROOT_CA', '/var/run/secrets/istio/root-cert.pem'],
    ['CA_ROOT_CA', '/var/run/secrets/istio/root-cert.pem'],
  ];
  return [
    ...fields.map(([name, fieldPath]): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
    ...values.map(([name, value]): EnvVar => ({ name, value })),
  ];
}

/** What a user may put on the objects: nothing that says whose they are. */
function foreign(written: Texts | undefined): Texts {
  const kept = Object.entries(written ?? {}).filter(([key]) => !key.startsWith('gateway.networking.k8s.io/'));
  return Object.fromEntries(kept);
}

function texts<Key extends string>(key: Key, values: Texts): { readonly [Name in Key]?: Texts } {
  return Object.keys(values).length === 0 ? {} : ({ [key]: values } as { readonly [Name in Key]?: Texts });
}

/** So that they go when the Gateway goes; one that no API server has given a uid owns nothing yet. */
function ownedBy({ apiVersion, kind, metadata }: Gateway): Pick<Metadata, 'ownerReferences'> {
  const { name, uid } = metadata;
  return uid === undefined ? {} : { ownerReferences: [{ apiVersion, kind, name, uid, controller: true }] };
}
