import type { Clock } from '@ambit/core/clock';
import type { AmbitError } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { LogWriter } from '@ambit/proxy/log-writer';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { AccessLines } from '@ambit/telemetry/access-log';
import { DIRECT_FORBIDDEN } from '@ambit/telemetry/families';
import { responseFlag } from '@ambit/telemetry/response-flags';
import type { Config } from '../config.ts';
import type { Pod } from '../messages.ts';
import type { DirectConnectionsOptions, ForbiddenConnection } from './direct-connections.ts';

export interface DirectReportOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly accessLog: LogWriter;
  readonly metrics: ProxyMetrics;
  readonly store: () => MeshStore;
  /** Tells the node agent, which writes events. */
  readonly tell: (uid: string, summary: string) => void;
}

/** What is said of connections that were forbidden past the proxy: access log, metric, and an event of the pod. */
export function directReport(
  options: DirectReportOptions,
): Pick<DirectConnectionsOptions, 'onFailed' | 'onReset' | 'onSummary'> {
  const { config, clock, log, accessLog, metrics, store, tell } = options;
  let serial = 0;
  return {
    onReset: ({ pod, socket, decision }: ForbiddenConnection): void => {
      metrics.own.number(DIRECT_FORBIDDEN, 'reset').value += 1;
      serial += 1;
      const { network } = store();
      const source = store().findWorkload(network, socket.remote.ip);
      const lines = new AccessLines(config.logFormat === 'json' ? 'json' : 'text', {
        process: process.pid,
        direction: 'inbound',
        source: { workload: source?.name, namespace: source?.namespace, cluster: source?.clusterId },
        destination: { workload: pod.info.name, namespace: pod.info.namespace, cluster: config.clusterId },
      });
      const line = lines.line({
        time: clock.wallTime(),
        // The control side has numbers of its own.
        connection: serial,
        source: socket.remote,
        destination: socket.local,
        // Nobody has counted.
        ...{ bytesSent: 0, bytesReceived: 0, duration: 0 },
        ...{ traceId: undefined, hboneAddress: undefined },
        responseFlag: responseFlag('policy'),
        policy: decision.policy,
        rule: decision.rule,
        reason: 'AMBIT_POLICY_DENIED',
        error: `${decision.message} (the connection was open before the pod was enrolled)`,
      });
      accessLog.write(Buffer.from(line), 0);
    },
    onFailed: ({ info }: Pod, error: AmbitError, count: number): void => {
      metrics.own.number(DIRECT_FORBIDDEN, 'failed').value += Math.max(count, 1);
      log.error({ pod: `${info.namespace}/${info.name}`, code: error.code, error: error.message, count }, 'plaintext');
    },
    onSummary: ({ info }: Pod, summary: string): void => {
      tell(info.uid, summary);
    },
  };
}
