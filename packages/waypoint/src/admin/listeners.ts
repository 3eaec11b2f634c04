import type { Clock } from '@ambit/core/clock';
import { AdminListeners } from '@ambit/proxy/admin/admin-listeners';
import type { Routes } from '@ambit/proxy/admin/http-listener';
import type { Readiness } from '@ambit/proxy/admin/readiness';
import type { Certificates } from '@ambit/proxy/certificates';
import type { LogWriter } from '@ambit/proxy/log-writer';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import type { Resources } from '@ambit/proxy/resources';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import type { Config } from '../config.ts';
import type { ClusterWatch } from '../control/cluster-watch.ts';
import type { SharedRateLimits } from '../control/shared-rate-limits.ts';
import type { KeySets } from '../control/key-sets.ts';
import type { Services } from '../control/services.ts';
import type { Command, Report, WaypointStart } from '../messages.ts';
import { servicePage } from './service-page.ts';

export interface AdminOptions {
  readonly clock: Clock;
  readonly config: Config;
  readonly threads: DataThreads<Command, Report, WaypointStart>;
  readonly certificates: Certificates;
  readonly resources: Resources;
  readonly services: Services;
  readonly clusters: ClusterWatch;
  readonly rateLimits: SharedRateLimits;
  readonly keySets: KeySets;
  readonly readiness: Readiness;
  readonly metrics: ProxyMetrics;
  readonly accessLog: LogWriter;
  /** Ends the waypoint in good order. */
  readonly quit: () => void;
}

/** The listeners for operators, scrapers and the kubelet. */
export function openAdminListeners(options: AdminOptions): Promise<AdminListeners> {
  const { config, readiness, metrics, quit } = options;
  return AdminListeners.open({
    settings: config,
    readiness,
    metrics: () => {
      options.clusters.measure();
      options.keySets.measure();
      return metrics.render(options);
    },
    routes: adminRoutes(options),
    quit,
  });
}

function adminRoutes(options: AdminOptions): Routes {
  return {
    'GET /config_dump': () => ({
      status: 200,
      body: `${JSON.stringify({ config: options.config, services: options.services.models() }, undefined, 2)}\n`,
    }),
    'GET /services': (query) => servicePage(query, options.threads, options.clock),
    'GET /clusters': () => ({
      status: 200,
      body: `${JSON.stringify(options.clusters.describe(), undefined, 2)}\n`,
    }),
    'GET /rate_limits': () => ({
      status: 200,
      body: `${JSON.stringify(options.rateLimits.describe(), undefined, 2)}\n`,
    }),
    ...(options.config.faults ? faultRoutes(options) : {}),
  };
}

/** Only with AMBIT_FAULTS=true: breaks data threads, so that tests can see what follows. */
function faultRoutes({ config, threads }: AdminOptions): Routes {
  return {
    'POST /fault/terminate-thread': (query) => {
      const index = Number(query.get('thread') ?? '0') % config.dataThreads;
      threads.terminate(index);
      return { status: 200, body: `{"terminated":${index}}\n` };
    },
  };
}
