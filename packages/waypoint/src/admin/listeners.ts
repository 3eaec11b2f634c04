import type { Drainable } from '@ambit/core/drain';
import { type Answer, HttpListener, type Routes } from '@ambit/proxy/admin/http-listener';
import type { Readiness } from '@ambit/proxy/admin/readiness';
import type { Certificates } from '@ambit/proxy/certificates';
import type { LogWriter } from '@ambit/proxy/log-writer';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import type { Resources } from '@ambit/proxy/resources';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import { OPENMETRICS_CONTENT_TYPE } from '@ambit/telemetry/exposition';
import type { Config } from '../config.ts';
import type { Services } from '../control/services.ts';
import type { Command, Report, WaypointStart } from '../messages.ts';

export interface AdminOptions {
  readonly config: Config;
  readonly threads: DataThreads<Command, Report, WaypointStart>;
  readonly certificates: Certificates;
  readonly resources: Resources;
  readonly services: Services;
  readonly readiness: Readiness;
  readonly metrics: ProxyMetrics;
  readonly accessLog: LogWriter;
  /** Ends the waypoint in good order. */
  readonly quit: () => void;
}

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
      body: await options.metrics.render(options),
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
  const json = (value: unknown): Answer => ({ status: 200, body: `${JSON.stringify(value, undefined, 2)}\n` });
  return {
    'GET /': () => json({ paths: ['/config_dump', '/quitquitquit (POST)', '/healthz/ready'] }),
    'GET /config_dump': () => json({ config: options.config, services: options.services.models() }),
    'GET /healthz/ready': () => options.readiness.answer(),
    'POST /quitquitquit': () => {
      options.quit();
      return json({ quit: true });
    },
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
