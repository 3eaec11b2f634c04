import { availableParallelism } from 'node:os';
import { duration, flag, integer, text, type Variable } from '@ambit/core/environment';
import { type ControlPlaneSettings, controlPlaneVariables } from './control-plane-settings.ts';

/** What every proxy is told by its environment. Durations are milliseconds. */
export interface ProxySettings extends ControlPlaneSettings {
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

/** Their variables. Names and defaults are those of Istio's proxies where they have them. */
export function proxyVariables(role: 'waypoint' | 'ztunnel'): {
  readonly [Key in keyof ProxySettings]: Variable<ProxySettings[Key]>;
} {
  return {
    ...controlPlaneVariables(role),
    dataThreads: integer(
      `${role.toUpperCase()}_WORKER_THREADS`,
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
      'how long open connections may go on when the proxy ends',
    ),
    adminAddress: text('ADMIN_ADDR', '127.0.0.1:15000', 'admin listener'),
    metricsAddress: text('STATS_ADDR', '0.0.0.0:15020', 'metrics listener'),
    readinessAddress: text('READINESS_ADDR', '0.0.0.0:15021', 'readiness listener'),
    logFormat: text('LOG_FORMAT', 'text', 'access log as text or json'),
    logLevel: text('AMBIT_LOG_LEVEL', 'info', 'level of the process log'),
    faults: flag('AMBIT_FAULTS', false, 'allow the fault switches of the admin listener; for tests only'),
  };
}
