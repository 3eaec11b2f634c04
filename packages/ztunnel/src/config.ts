import { duration, flag, integer, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { type ControlPlaneSettings, controlPlaneVariables } from '@ambit/proxy/control-plane-settings';
import { availableParallelism } from 'node:os';

/** What a ztunnel is told by its environment. Durations are milliseconds; addresses and defaults are described by `VARIABLES`. */
export interface Config extends ControlPlaneSettings {
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
  ...controlPlaneVariables('ztunnel'),
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
