import type { AmbitError } from '@ambit/core/errors';
import type { TunnelObserver } from '@ambit/hbone/observer';
import { PolicyDecisions } from '@ambit/proxy/policy-decisions';
import { tunnelMetrics } from '@ambit/proxy/tunnel-metrics';
import type { Decision } from '@ambit/mesh/policy/decision';
import {
  CONNECT_RETRIES,
  CONNECT_SECONDS,
  CONNECTION_REFUSALS,
  DNS_REQUESTS,
  SOCKETS_OPEN,
} from '@ambit/telemetry/families';
import { Metrics } from '@ambit/telemetry/metrics';
import type { MetricsSnapshot } from '@ambit/telemetry/snapshot';
import type { TrafficMetrics } from '@ambit/telemetry/traffic-metrics';
import type { ServedPod } from './served-pod.ts';

/** What one data thread counts. Metrics with fixed labels are bound once. */
export class ThreadMetrics {
  readonly #metrics = new Metrics();
  readonly #socketsOut = this.#metrics.number(SOCKETS_OPEN, 'source');
  readonly #socketsIn = this.#metrics.number(SOCKETS_OPEN, 'destination');
  readonly #connectOut = this.#metrics.histogram(CONNECT_SECONDS, 'source');
  readonly #connectIn = this.#metrics.histogram(CONNECT_SECONDS, 'destination');
  readonly #decisions = new PolicyDecisions(this.#metrics);
  readonly #now: () => number;
  /** `now` in monotonic milliseconds; counters of workloads that are gone expire by it. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get traffic(): TrafficMetrics {
    return this.#metrics.traffic;
  }

  readonly tunnelObserver: TunnelObserver = tunnelMetrics(this.#metrics);

  opened(reporter: 'destination' | 'source', milliseconds: number): void {
    const outbound = reporter === 'source';
    (outbound ? this.#socketsOut : this.#socketsIn).value += 1;
    (outbound ? this.#connectOut : this.#connectIn).observe(milliseconds / 1_000);
  }

  closed(reporter: 'destination' | 'source'): void {
    (reporter === 'source' ? this.#socketsOut : this.#socketsIn).value -= 1;
  }

  refused(reporter: 'destination' | 'source', reason: string): void {
    this.#metrics.number(CONNECTION_REFUSALS, reporter, reason).value += 1;
  }

  retried(error: AmbitError): void {
    this.#metrics.number(CONNECT_RETRIES, error.code).value += 1;
  }

  /** A decision about an inbound connection, and what dry-run policies would have said. */
  decided(decision: Decision): void {
    this.#decisions.count(decision);
  }

  dnsRequest(pod: ServedPod, type: string, protocol: 'tcp' | 'udp'): void {
    const workload = pod.workload();
    this.#metrics.number(
      DNS_REQUESTS,
      type,
      protocol,
      workload?.canonicalName ?? 'unknown',
      workload?.canonicalRevision ?? 'unknown',
    ).value += 1;
  }

  snapshot(): MetricsSnapshot {
    this.#metrics.traffic.expire(this.#now());
    return this.#metrics.snapshot();
  }
}
