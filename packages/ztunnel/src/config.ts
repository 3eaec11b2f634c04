import { duration, flag, integer, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { availableParallelism } from 'node:os';

/** What a ztunnel is told by its environment. Durations are milliseconds; addresses and defaults are described by `VARIABLES`. */
export interface Config {
  readonly nodeName: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly serviceAccount: string;
  readonly instanceIp: string;
  readonly network: string;
  readonly clusterId: string;
  readonly clusterDomain: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly xdsAddress: string;
  readonly xdsRootCa: string;
  readonly xdsHostname: string;
  readonly caAddress: string;
  readonly caRootCa: string;
  readonly caHostname: string;
  readonly authToken: string;
  readonly secretTtl: number;
  readonly zdsSocket: string;
  readonly packetMark: number;
  readonly ipv6: boolean;
  readonly dnsCapture: boolean;
  readonly dnsUpstream: string;
  readonly dataThreads: number;
  readonly maxStreams: number;
  readonly poolIdle: number;
  readonly drainDeadline: number;
  readonly adminAddress: string;
  readonly metricsAddress: string;
  readonly readinessAddress: string;
  readonly logFormat: string;
  readonly logLevel: string;
  readonly faults: boolean;
}

/** Every variable that ztunnel reads. Names and defaults are those of Istio's ztunnel where it has them. */
export const VARIABLES: { readonly [Key in keyof Config]: Variable<Config[Key]> } = {
  nodeName: text('NODE_NAME', '', 'node this proxy serves'),
  podName: text('POD_NAME', 'ztunnel', 'own pod'),
  podNamespace: text('POD_NAMESPACE', 'istio-system', 'namespace of the own pod'),
  serviceAccount: text('SERVICE_ACCOUNT', 'ztunnel', 'service account of the own pod'),
  instanceIp: text('INSTANCE_IP', '1.1.1.1', 'address of the own pod'),
  network: text('NETWORK', '', 'network of this node; addresses are looked up in it'),
  clusterId: text('CLUSTER_ID', 'Kubernetes', 'cluster of this node'),
  clusterDomain: text('CLUSTER_DOMAIN', 'cluster.local', 'DNS domain of the cluster'),
  trustDomain: text('TRUST_DOMAIN', 'cluster.local', 'trust domain of the own identities'),
  trustDomainAliases: list(
    'TRUST_DOMAIN_ALIASES',
    'further trust domains that peers may come from, separated by commas',
  ),
  xdsAddress: text('XDS_ADDRESS', 'https://istiod.istio-system.svc:15012', 'controller; empty: none'),
  xdsRootCa: text('XDS_ROOT_CA', './var/run/secrets/istio/root-cert.pem', 'roots of the controller: a file or PEM'),
  xdsHostname: text('ALT_XDS_HOSTNAME', '', 'name to verify the controller by; empty: that of XDS_ADDRESS'),
  caAddress: text('CA_ADDRESS', 'https://istiod.istio-system.svc:15012', 'certificate authority'),
  caRootCa: text('CA_ROOT_CA', './var/run/secrets/istio/root-cert.pem', 'roots of the authority: a file or PEM'),
  caHostname: text('ALT_CA_HOSTNAME', '', 'name to verify the authority by; empty: that of CA_ADDRESS'),
  authToken: text('AUTH_TOKEN', './var/run/secrets/tokens/istio-token', 'file with the service account token'),
  secretTtl: duration('SECRET_TTL', 86_400_000, 'lifetime to ask for in certificate requests'),
  zdsSocket: text('INPOD_UDS', '/var/run/ztunnel/ztunnel.sock', 'socket of the node agent'),
  packetMark: integer('PACKET_MARK', 1337, { min: 1, max: 0xfff }, 'mark of every socket opened in a pod'),
  ipv6: flag('IPV6_ENABLED', true, 'listen and answer on IPv6 as well'),
  dnsCapture: flag('ISTIO_META_DNS_CAPTURE', true, 'run the DNS proxy'),
  dnsUpstream: text('DNS_PROXY_ADDR', '', 'resolver to forward to (ip or ip:port); empty: that of /etc/resolv.conf'),
  dataThreads: integer(
    'ZTUNNEL_WORKER_THREADS',
    Math.max(2, Math.ceil(availableParallelism() / 4)),
    { min: 1, max: 64 },
    'data threads',
  ),
  maxStreams: integer(
    'POOL_MAX_STREAMS_PER_CONNECTION',
    100,
    { min: 1, max: 1_000_000 },
    'streams on one pooled tunnel',
  ),
  poolIdle: duration('POOL_UNUSED_RELEASE_TIMEOUT', 300_000, 'how long an unused tunnel is kept'),
  drainDeadline: duration(
    'CONNECTION_TERMINATION_DEADLINE',
    5_000,
    'how long open connections may go on after SIGTERM',
  ),
  adminAddress: text('ADMIN_ADDR', '127.0.0.1:15000', 'admin listener'),
  metricsAddress: text('STATS_ADDR', '0.0.0.0:15020', 'metrics listener'),
  readinessAddress: text('READINESS_ADDR', '0.0.0.0:15021', 'readiness listener'),
  logFormat: text('LOG_FORMAT', 'text', 'access log as text or json'),
  logLevel: text('AMBIT_LOG_LEVEL', 'info', 'level of the process log'),
  faults: flag('AMBIT_FAULTS', false, 'allow the fault switches of the admin listener; for tests only'),
};

/** The configuration of this process, read once. Throws `AMBIT_CONFIG` naming every variable that is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readEnvironment(VARIABLES, environment);
}

function list(name: string, about: string): Variable<readonly string[]> {
  return {
    name,
    about,
    fallback: [],
    parse: (value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item.length > 0),
  };
}
