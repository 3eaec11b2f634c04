import { MetricsAggregate } from '@ambit/telemetry/aggregate';
import { renderMetrics } from '@ambit/telemetry/exposition';
import {
  BUILD,
  CERTIFICATE_EXPIRY,
  ENDPOINT_NAMES,
  FAMILIES,
  LOG_RECORDS_DROPPED,
  PROCESS_CPU_SECONDS,
  PROCESS_OPEN_FDS,
  PROCESS_RESIDENT_BYTES,
  PROCESS_START_TIME,
  THREAD_HEARTBEAT_AGE,
  THREAD_RESTARTS,
  XDS_CONNECTED,
  XDS_REJECTED,
  XDS_TERMINATIONS,
} from '@ambit/telemetry/families';
import type { MetricFamily } from '@ambit/telemetry/metric-family';
import { Metrics } from '@ambit/telemetry/metrics';
import type { MetricsSnapshot } from '@ambit/telemetry/snapshot';
import { formatSpiffeId } from '@ambit/core/spiffe';
import type { Certificates } from './certificates.ts';
import type { LogWriter } from './log-writer.ts';
import { openDescriptors } from './open-descriptors.ts';
import type { Resources } from './resources.ts';
import type { ThreadReport } from './thread/messages.ts';

export interface MetricSources {
  readonly threads: {
    heartbeatAges(): readonly number[];
    askEach(
      command: (ticket: number) => { readonly kind: 'scrape'; readonly ticket: number },
    ): Promise<readonly { readonly thread: number; readonly report: { readonly kind: string } | ThreadReport }[]>;
  };
  readonly certificates: Certificates;
  readonly accessLog: LogWriter;
  readonly resources: Pick<Resources, 'names'>;
}

type ScrapedReport = Extract<ThreadReport, { kind: 'scraped' }>;

/** What a program counts beyond what both proxies do. */
export interface MoreMetrics {
  readonly families: readonly MetricFamily[];
  /** All that a data thread's answer holds. */
  readonly samples: (report: ScrapedReport) => MetricsSnapshot;
}

const NO_MORE: MoreMetrics = { families: [], samples: ({ counters }) => counters };

/** The metrics of the process: what the control side counts, and the sum of what the data threads count. */
export class ProxyMetrics {
  /** What the control side counts; programs add to it. */
  readonly own: Metrics = new Metrics();
  readonly #aggregate: MetricsAggregate;
  readonly #samples: (report: ScrapedReport) => MetricsSnapshot;
  /** Those whose certificates were in the last scrape. */
  #identities: string[] = [];
  /** Each life of a thread counts for itself, so that no sum falls when one is replaced. */
  readonly #lives: number[] = [];

  /** `component` as `istio_build` names it; `startedAt` in milliseconds since the epoch. */
  constructor(component: string, startedAt: number, more: MoreMetrics = NO_MORE) {
    this.#aggregate = new MetricsAggregate([...FAMILIES, ...more.families]);
    this.#samples = more.samples;
    this.own.number(BUILD, component, 'ambit').value = 1;
    this.own.number(PROCESS_START_TIME).value = startedAt / 1_000;
  }

  controllerConnected(connected: boolean): void {
    this.own.number(XDS_CONNECTED).value = connected ? 1 : 0;
  }

  controllerStreamEnded(reason: 'ConnectionError' | 'Reconnect'): void {
    this.own.number(XDS_TERMINATIONS, reason).value += 1;
  }

  resourcesRejected(url: string, count: number): void {
    this.own.number(XDS_REJECTED, url).value += count;
  }

  threadReplaced(thread: number, reason: string): void {
    this.own.number(THREAD_RESTARTS, reason).value += 1;
    this.#aggregate.ended(this.#life(thread));
    this.#lives[thread] = (this.#lives[thread] ?? 0) + 1;
  }

  /** The text of a scrape. */
  async render({ threads, certificates, accessLog, resources }: MetricSources): Promise<string> {
    for (const [state, count] of Object.entries(resources.names.counts))
      this.own.number(ENDPOINT_NAMES, state).value = count;
    this.own.number(LOG_RECORDS_DROPPED).value = accessLog.dropped;
    this.own.number(PROCESS_OPEN_FDS).value = openDescriptors();
    this.own.number(PROCESS_RESIDENT_BYTES).value = process.memoryUsage.rss();
    const { user, system } = process.cpuUsage();
    this.own.number(PROCESS_CPU_SECONDS).value = (user + system) / 1_000_000;
    for (const [thread, age] of threads.heartbeatAges().entries())
      this.own.number(THREAD_HEARTBEAT_AGE, String(thread)).value = age / 1_000;
    for (const identity of this.#identities) this.own.remove(CERTIFICATE_EXPIRY, identity);
    this.#identities = certificates.store.identities().map(formatSpiffeId);
    for (const identity of certificates.store.identities()) {
      const certificate = certificates.store.get(identity);
      if (certificate !== undefined)
        this.own.number(CERTIFICATE_EXPIRY, formatSpiffeId(identity)).value = certificate.notAfter / 1_000;
    }
    for (const { thread, report } of await threads.askEach((ticket) => ({ kind: 'scrape', ticket }))) {
      if (report.kind === 'scraped' && 'counters' in report)
        this.#aggregate.update(this.#life(thread), this.#samples(report));
    }
    this.#aggregate.update('control', this.own.snapshot());
    return renderMetrics(this.#aggregate.collect());
  }

  #life(thread: number): string {
    return `${thread}.${this.#lives[thread] ?? 0}`;
  }
}
