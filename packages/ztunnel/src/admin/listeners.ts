import type { Drainable } from '@ambit/core/drain';
import { OPENMETRICS_CONTENT_TYPE } from '@ambit/telemetry/exposition';
import type { Config } from '../config.ts';
import type { LogWriter } from '@ambit/proxy/log-writer';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { renderNodeMetrics } from '../control/node-metrics.ts';
import { configDump, type DumpSources } from './config-dump.ts';
import { type Answer, HttpListener, type Routes } from '@ambit/proxy/admin/http-listener';
import type { Readiness } from '@ambit/proxy/admin/readiness';

export interface AdminOptions extends DumpSources {
  readonly readiness: Readiness;
  readonly metrics: ProxyMetrics;
  readonly accessLog: LogWriter;
  /** Ends the proxy in good order. */
  readonly quit: () => void;
}

/** How long a stall may be asked for, milliseconds. */
const LONGEST_STALL = 60_000;

/** The three HTTP listeners: for operators (local only), for scrapers, for the kubelet. */
export class AdminListeners implements Drainable {
  readonly #listeners: readonly HttpListener[];

  private constructor(listeners: readonly HttpListener[]) {
    this.#listeners = listeners;
  }

  static async open(options: AdminOptions): Promise<AdminListeners> {
    const { config, readiness } = options;
    const metrics = async (): Promise<Answer> => ({
      status: 200,
      type: OPENMETRICS_CONTENT_TYPE,
      body: await renderNodeMetrics(options),
    });
    const listeners = await Promise.all([
      HttpListener.open('ADMIN_ADDR', config.adminAddress, adminRoutes(options)),
      HttpListener.open('STATS_ADDR', config.metricsAddress, {
        'GET /metrics': metrics,
        'GET /stats/prometheus': metrics,
      }),
      HttpListener.open('READINESS_ADDR', config.readinessAddress, { 'GET /healthz/ready': () => readiness.answer() }),
    ]);
    return new AdminListeners(listeners);
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  destroy(): void {
    for (const listener of this.#listeners) listener.destroy();
  }
}

function adminRoutes(options: AdminOptions): Routes {
  return {
    'GET /': () => ({
      status: 200,
      body: `${JSON.stringify({ paths: ['/config_dump', '/quitquitquit (POST)', '/healthz/ready'] })}\n`,
    }),
    'GET /config_dump': async () => ({
      status: 200,
      body: `${JSON.stringify(await configDump(options), undefined, 2)}\n`,
    }),
    'GET /healthz/ready': () => options.readiness.answer(),
    'POST /quitquitquit': () => {
      options.quit();
      return { status: 200, body: '{"quit":true}\n' };
    },
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
