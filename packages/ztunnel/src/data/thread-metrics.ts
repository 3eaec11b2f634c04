import type { AmbitError } from '@ambit/core/errors';
import type { TunnelObserver } from '@ambit/hbone/observer';
import { tunnelMetrics } from '@ambit/proxy/tunnel-metrics';
import type { Decision } from '@ambit/mesh/policy/decision';
import {
  CONNECT_RETRIES,
  CONNECT_SECONDS,
  CONNECTION_REFUSALS,
  DNS_REQUESTS,
  POLICY_DECISIONS,
  SOCKETS_OPEN,
} from '@ambit/telemetry/families';
import { Metrics, type NumberMetric } from '@ambit/telemetry/metrics';
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
  readonly #now: () => number;
  /** Most decisions are like the one before. */
  #lastDecided: (Pick<Decision, 'allowed' | 'policy' | 'reason'> & { readonly metric: NumberMetric }) | undefined;

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
    const { allowed, policy, reason, dryRun } = decision;
    const last = this.#lastDecided;
    if (last?.allowed === allowed && last.policy === policy && last.reason === reason) last.metric.value += 1;
    else this.#decided(decision);
    for (const finding of dryRun) {
      const denies = finding.action === 'deny' || finding.rule === undefined;
      this.#metrics.number(
        POLICY_DECISIONS,
        finding.policy,
        finding.action,
        denies ? 'deny' : 'allow',
        'dry-run',
        'true',
      ).value += 1;
    }
  }

  #decided({ allowed, policy, reason }: Decision): void {
    const action = reason.startsWith('deny')
      ? 'deny'
      : reason.startsWith('allow') || reason === 'no-allow-match'
        ? 'allow'
        : '';
    const outcome = allowed ? 'allow' : 'deny';
    const metric = this.#metrics.number(POLICY_DECISIONS, policy ?? '', action, outcome, reason, 'false');
    metric.value += 1;
    this.#lastDecided = { allowed, policy, reason, metric };
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
