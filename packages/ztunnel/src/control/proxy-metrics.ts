import { MetricsAggregate } from '@ambit/telemetry/aggregate';
import { renderMetrics } from '@ambit/telemetry/exposition';
import {
  BUILD,
  CERTIFICATE_EXPIRY,
  FAMILIES,
  LOG_RECORDS_DROPPED,
  PROCESS_CPU_SECONDS,
  PROCESS_OPEN_FDS,
  PROCESS_RESIDENT_BYTES,
  PROCESS_START_TIME,
  PROXIES_ACTIVE,
  PROXIES_PENDING,
  PROXIES_STARTED,
  PROXIES_STOPPED,
  THREAD_HEARTBEAT_AGE,
  THREAD_RESTARTS,
  XDS_CONNECTED,
  XDS_REJECTED,
  XDS_TERMINATIONS,
} from '@ambit/telemetry/families';
import { Metrics } from '@ambit/telemetry/metrics';
import { formatSpiffeId } from '@ambit/core/spiffe';
import { readdirSync } from 'node:fs';
import type { Certificates } from './certificates.ts';
import type { DataThreads } from './data-threads.ts';
import type { LogWriter } from './log-writer.ts';
import type { Pods } from './pods.ts';

export interface MetricSources {
  readonly threads: DataThreads;
  readonly pods: Pods;
  readonly certificates: Certificates;
  readonly accessLog: LogWriter;
}

/** The metrics of the process: what the control side counts, and the sum of what the data threads count. */
export class ProxyMetrics {
  readonly #own = new Metrics();
  readonly #aggregate = new MetricsAggregate(FAMILIES);
  /** Those whose certificates were in the last scrape. */
  #identities: string[] = [];
  /** Each life of a thread counts for itself, so that no sum falls when one is replaced. */
  readonly #lives: number[] = [];

  constructor(startedAt: number) {
    this.#own.number(BUILD, 'ztunnel', 'ambit').value = 1;
    this.#own.number(PROCESS_START_TIME).value = startedAt / 1_000;
  }

  controllerConnected(connected: boolean): void {
    this.#own.number(XDS_CONNECTED).value = connected ? 1 : 0;
  }

  controllerStreamEnded(reason: 'ConnectionError' | 'Reconnect'): void {
    this.#own.number(XDS_TERMINATIONS, reason).value += 1;
  }

  resourcesRejected(url: string, count: number): void {
    this.#own.number(XDS_REJECTED, url).value += count;
  }

  podsPending(count: number): void {
    this.#own.number(PROXIES_PENDING).value = count;
  }

  threadReplaced(thread: number, reason: string): void {
    this.#own.number(THREAD_RESTARTS, reason).value += 1;
    this.#aggregate.ended(this.#life(thread));
    this.#lives[thread] = (this.#lives[thread] ?? 0) + 1;
  }

  /** The text of a scrape. */
  async render({ threads, pods, certificates, accessLog }: MetricSources): Promise<string> {
    const counts = pods.counts();
    this.#own.number(PROXIES_ACTIVE).value = counts.active;
    this.#own.number(PROXIES_STARTED).value = counts.started;
    this.#own.number(PROXIES_STOPPED).value = counts.stopped;
    this.#own.number(LOG_RECORDS_DROPPED).value = accessLog.dropped;
    this.#own.number(PROCESS_OPEN_FDS).value = readdirSync('/proc/self/fd').length;
    this.#own.number(PROCESS_RESIDENT_BYTES).value = process.memoryUsage.rss();
    const { user, system } = process.cpuUsage();
    this.#own.number(PROCESS_CPU_SECONDS).value = (user + system) / 1_000_000;
    for (const [thread, age] of threads.heartbeatAges().entries())
      this.#own.number(THREAD_HEARTBEAT_AGE, String(thread)).value = age / 1_000;
    for (const identity of this.#identities) this.#own.remove(CERTIFICATE_EXPIRY, identity);
    this.#identities = certificates.store.identities().map(formatSpiffeId);
    for (const identity of certificates.store.identities()) {
      const certificate = certificates.store.get(identity);
      if (certificate !== undefined)
        this.#own.number(CERTIFICATE_EXPIRY, formatSpiffeId(identity)).value = certificate.notAfter / 1_000;
    }
    for (const { thread, report } of await threads.askEach((ticket) => ({ kind: 'scrape', ticket }))) {
      if (report.kind === 'scraped') this.#aggregate.update(this.#life(thread), report.counters);
    }
    this.#aggregate.update('control', this.#own.snapshot());
    return renderMetrics(this.#aggregate.collect());
  }

  #life(thread: number): string {
    return `${thread}.${this.#lives[thread] ?? 0}`;
  }
}
