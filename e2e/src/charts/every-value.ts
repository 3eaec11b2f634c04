import type { SUB_CHARTS, Values } from './charts.ts';

const resources = { requests: { cpu: '11m', memory: '12Mi' }, limits: { memory: '13Mi' } };
const placement = {
  nodeSelector: { disk: 'fast' },
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  tolerations: [{ key: 'only', operator: 'Equal', value: 'mesh', effect: 'NoSchedule' }],
};
const pod = {
  podAnnotations: { 'example.com/pod': 'annotated' },
  podLabels: { 'example.com/pod': 'labelled' },
  serviceAccountAnnotations: { 'example.com/account': 'annotated' },
  env: { EXAMPLE: 'on', EXAMPLE_COUNT: 3 },
  logLevel: 'debug',
  resources,
};

/** Another value than the default for all that the charts have in common. */
export const EVERY_GLOBAL: Values = {
  hub: 'registry.example/mesh',
  tag: '9.9.9',
  imagePullPolicy: 'Always',
  imagePullSecrets: ['opener'],
  istioNamespace: 'controllers',
  trustDomain: 'example.com',
  network: 'north',
  multiCluster: { clusterName: 'one' },
  proxy: { clusterDomain: 'cluster.example' },
  configValidation: false,
  networkPolicy: { enabled: true },
  monitoring: { enabled: true },
};

/** Secrets of users that the controller may read. */
export const CLIENT_CREDENTIALS = [{ namespace: 'shop', names: ['partner', 'partner-cacert'] }] as const;

/** Another value than the default for everything that the charts take. */
export const EVERY_VALUE: Readonly<Record<(typeof SUB_CHARTS)[number], Values>> = {
  base: { enableCRDTemplates: false, renderCRDsOffline: true },
  istiod: {
    ...{
      replicaCount: 3,
      autoscaleEnabled: true,
      autoscaleMin: 4,
      autoscaleMax: 6,
      cpu: { targetAverageUtilization: 70 },
    },
    ...{ rollingMaxSurge: 1, rollingMaxUnavailable: '10%' },
    ...{ hub: 'registry.example/controller', tag: '8.8.8', image: 'controller', waypoint: { image: 'gateway' } },
    base: { validationURL: 'https://controller.example:9443/validate' },
    ...{ defaultCertTtl: '1h', maxCertTtl: '48h', revision: 'blue' },
    meshConfig: { pathNormalization: { normalization: 'MERGE_SLASHES' } },
    ...{ trustedZtunnelNamespace: 'proxies', trustedZtunnelName: 'node-proxy' },
    clientCredentials: [...CLIENT_CREDENTIALS],
    extraContainerArgs: ['--log-level', 'warn'],
    pdb: { minAvailable: '60%' },
    priorityClassName: 'high',
    topologySpreadConstraints: [
      {
        topologyKey: 'rack',
        maxSkew: 2,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'istiod' } },
      },
    ],
    deploymentAnnotations: { 'example.com/deployment': 'annotated' },
    deploymentLabels: { 'example.com/deployment': 'labelled' },
    serviceAnnotations: { 'example.com/service': 'annotated' },
    ipFamilyPolicy: 'RequireDualStack',
    ipFamilies: ['IPv6', 'IPv4'],
    sweep: { enabled: false, timeoutSeconds: 99, resources },
    ...placement,
    ...pod,
  },
  cni: {
    ...{ hub: 'registry.example/agent', tag: '7.7.7', image: 'agent' },
    ...{ cniBinDir: '/usr/libexec/cni', cniConfDir: '/var/lib/cni.d', cniNetnsDir: '/run/netns' },
    excludeNamespaces: ['kube-system', 'storage'],
    ambient: { dnsCapture: false, ipv6: false },
    leaveDeadlineSeconds: 7,
    terminationGracePeriodSeconds: 12,
    updateStrategy: { type: 'OnDelete', rollingUpdate: null },
    daemonSetAnnotations: { 'example.com/set': 'annotated' },
    daemonSetLabels: { 'example.com/set': 'labelled' },
    unenrol: { enabled: false, drainSeconds: 8, timeoutSeconds: 88, resources },
    ...placement,
    ...pod,
  },
  ztunnel: {
    ...{ hub: 'registry.example/proxy', tag: '6.6.6', image: 'proxy', resourceName: 'node-proxy' },
    ...{ xdsAddress: 'controller.example:15012', caAddress: 'https://authority.example:15012' },
    ...{ network: 'south', multiCluster: { clusterName: 'two' } },
    ...{ logAsJson: true, ipv6: false, snapshot: { enabled: false } },
    terminationGracePeriodSeconds: 9,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    dnsPolicy: 'Default',
    dnsConfig: { options: [{ name: 'ndots', value: '1' }] },
    volumes: [{ name: 'further', emptyDir: {} }],
    volumeMounts: [{ name: 'further', mountPath: '/further' }],
    annotations: { 'example.com/all': 'annotated' },
    labels: { 'example.com/all': 'labelled' },
    ...placement,
    ...pod,
  },
};
