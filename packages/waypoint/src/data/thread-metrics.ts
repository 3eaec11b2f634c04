import type { TunnelObserver, TunnelSide } from '@ambit/hbone/observer';
import { CONNECT_RETRIES, CONNECTION_REFUSALS, HANDSHAKE_SECONDS, HANDSHAKES } from '@ambit/telemetry/families';
import { Metrics } from '@ambit/telemetry/metrics';
import { RequestMetrics } from '@ambit/telemetry/request-metrics';
import type { RequestSnapshot } from '@ambit/telemetry/request-snapshot';
import type { MetricsSnapshot } from '@ambit/telemetry/snapshot';
import type { TrafficMetrics } from '@ambit/telemetry/traffic-metrics';

/** What one data thread counts. */
export class ThreadMetrics {
  readonly requests: RequestMetrics = new RequestMetrics();
  readonly #metrics = new Metrics();
  readonly #now: () => number;

  /** `now` in monotonic milliseconds; counters of workloads that are gone expire by it. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get traffic(): TrafficMetrics {
    return this.#metrics.traffic;
  }

  /** For tunnel connections, both sides. */
  readonly tunnelObserver: TunnelObserver = {
    onConnection: (side, _peer, milliseconds) => {
      this.#metrics.number(HANDSHAKES, reporterOf(side), 'ok').value += 1;
      this.#metrics.histogram(HANDSHAKE_SECONDS, reporterOf(side)).observe(milliseconds / 1_000);
    },
    onConnectionFailed: (side, _peer, error) => {
      this.#metrics.number(HANDSHAKES, reporterOf(side), error.code).value += 1;
    },
    onConnectionClosed: () => undefined,
    onRetry: (_peer, error) => {
      this.#metrics.number(CONNECT_RETRIES, error.code).value += 1;
    },
  };

  /** A tunnel, or an opaque connection in one, that was refused. */
  refused(reason: string): void {
    this.#metrics.number(CONNECTION_REFUSALS, 'waypoint', reason).value += 1;
  }

  workloadRemoved(uid: string): void {
    this.traffic.workloadRemoved(uid, this.#now());
  }

  snapshot(): { readonly counters: MetricsSnapshot; readonly requests: RequestSnapshot } {
    this.requests.expire(this.#now());
    this.traffic.expire(this.#now());
    return { counters: this.#metrics.snapshot(), requests: this.requests.snapshot() };
  }
}

function reporterOf(side: TunnelSide): 'destination' | 'source' {
  return side === 'client' ? 'source' : 'destination';
}
