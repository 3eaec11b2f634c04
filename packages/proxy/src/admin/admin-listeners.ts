import type { Drainable } from '@ambit/core/drain';
import { OPENMETRICS_CONTENT_TYPE } from '@ambit/telemetry/exposition';
import type { ProxySettings } from '../proxy-settings.ts';
import { type Answer, HttpListener, type Routes } from './http-listener.ts';
import type { Readiness } from './readiness.ts';

export interface AdminOptions {
  readonly settings: Pick<ProxySettings, 'adminAddress' | 'metricsAddress' | 'readinessAddress'>;
  readonly readiness: Readiness;
  /** The text of a scrape. */
  readonly metrics: () => Promise<string>;
  /** What the program answers on the admin listener. */
  readonly routes: Routes;
  /** Ends the proxy in good order. */
  readonly quit: () => void;
}

/** The three HTTP listeners: for operators (local only), for scrapers, for the kubelet. */
export class AdminListeners implements Drainable {
  readonly #listeners: readonly HttpListener[];

  private constructor(listeners: readonly HttpListener[]) {
    this.#listeners = listeners;
  }

  static async open({ settings, readiness, metrics, routes, quit }: AdminOptions): Promise<AdminListeners> {
    const scrape = async (): Promise<Answer> => ({
      status: 200,
      type: OPENMETRICS_CONTENT_TYPE,
      body: await metrics(),
    });
    const listeners = await Promise.all([
      HttpListener.open('ADMIN_ADDR', settings.adminAddress, {
        'GET /': () => ({
          status: 200,
          body: `${JSON.stringify({ paths: ['/config_dump', '/quitquitquit (POST)', '/healthz/ready'] })}\n`,
        }),
        'GET /healthz/ready': () => readiness.answer(),
        'POST /quitquitquit': () => {
          quit();
          return { status: 200, body: '{"quit":true}\n' };
        },
        ...routes,
      }),
      HttpListener.open('STATS_ADDR', settings.metricsAddress, {
        'GET /metrics': scrape,
        'GET /stats/prometheus': scrape,
      }),
      HttpListener.open('READINESS_ADDR', settings.readinessAddress, {
        'GET /healthz/ready': () => readiness.answer(),
      }),
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
