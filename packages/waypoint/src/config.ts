import { availableParallelism } from 'node:os';
import { duration, integer, flag, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { HEAD_TIMEOUT_MS } from './limits.ts';
import { type ControlPlaneSettings, controlPlaneVariables } from '@ambit/proxy/control-plane-settings';

/** What a waypoint is told by its environment. Durations are milliseconds; addresses and defaults are described by `VARIABLES`. */
export interface Config extends ControlPlaneSettings {
  /** The Gateway that this is a replica of; its namespace is that of the pod. */
  readonly gatewayName: string;
  readonly hboneAddress: string;
  readonly dataThreads: number;
  readonly maxStreams: number;
  readonly poolIdle: number;
  readonly drainDelay: number;
  readonly drainDeadline: number;
  readonly headTimeout: number;
  readonly adminAddress: string;
  readonly metricsAddress: string;
  readonly readinessAddress: string;
  readonly logFormat: string;
  readonly logLevel: string;
  readonly faults: boolean;
}

/** Every variable that a waypoint reads. Names and defaults are those of Istio's proxies where they have them. */
export const VARIABLES: { readonly [Key in keyof Config]: Variable<Config[Key]> } = {
  ...controlPlaneVariables('waypoint'),
  gatewayName: text('GATEWAY_NAME', 'waypoint', 'Gateway of which this is a replica, in the namespace of the pod'),
  hboneAddress: text('HBONE_ADDR', '0.0.0.0:15008', 'where tunnels are taken'),
  dataThreads: integer(
    'WAYPOINT_WORKER_THREADS',
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
  drainDelay: duration(
    'MINIMUM_DRAIN_DURATION',
    2_000,
    'how long new connections are still taken after SIGTERM: until every peer knows that the pod leaves',
  ),
  drainDeadline: duration(
    'CONNECTION_TERMINATION_DEADLINE',
    5_000,
    'how long requests and connections may go on after that',
  ),
  headTimeout: duration('REQUEST_HEAD_TIMEOUT', HEAD_TIMEOUT_MS, 'how long the head of a request may take'),
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
