import type { Clock } from '@ambit/core/clock';
import type { Config } from '../config.ts';
import type { LogWriter } from '@ambit/proxy/log-writer';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { renderNodeMetrics } from '../control/node-metrics.ts';
import { configDump, type DumpSources } from './config-dump.ts';
import { servicePage } from './service-page.ts';
import { AdminListeners } from '@ambit/proxy/admin/admin-listeners';
import type { Routes } from '@ambit/proxy/admin/http-listener';
import type { Readiness } from '@ambit/proxy/admin/readiness';

export interface AdminOptions extends DumpSources {
  readonly clock: Clock;
  readonly readiness: Readiness;
  readonly metrics: ProxyMetrics;
  readonly accessLog: LogWriter;
  /** Ends the proxy in good order. */
  readonly quit: () => void;
}

/** How long a stall may be asked for, milliseconds. */
const LONGEST_STALL = 60_000;

/** The listeners for operators, scrapers and the kubelet. */
export function openAdminListeners(options: AdminOptions): Promise<AdminListeners> {
  const { config, readiness, quit } = options;
  return AdminListeners.open({
    settings: config,
    readiness,
    metrics: () => renderNodeMetrics(options),
    routes: adminRoutes(options),
    quit,
  });
}

function adminRoutes(options: AdminOptions): Routes {
  return {
    'GET /config_dump': async () => ({
      status: 200,
      body: `${JSON.stringify(await configDump(options), undefined, 2)}\n`,
    }),
    'GET /services': (query) => servicePage(query, options.threads, options.clock),
    ...(options.config.faults ? faultRoutes(options.config, options) : {}),
  };
}

/** Only with AMBIT_FAULTS=true: breaks data threads, so that tests can see what follows. */
function faultRoutes(config: Config, { threads }: AdminOptions): Routes {
  const index = (query: URLSearchParams): number => Number(query.get('thread') ?? '0') % config.dataThreads;
  return {
    'POST /fault/terminate-thread': (query) => {
      threads.terminate(index(query));
      return { status: 200, body: `{"terminated":${index(query)}}\n` };
    },
    'POST /fault/stall-thread': (query) => {
      const milliseconds = Math.min(LONGEST_STALL, Number(query.get('ms') ?? '5000'));
      threads.tell(index(query), { kind: 'stall', milliseconds });
      return { status: 200, body: `{"stalled":${index(query)},"milliseconds":${milliseconds}}\n` };
    },
  };
}
