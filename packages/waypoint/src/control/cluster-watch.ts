import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { type BreakerState, CircuitBreaker } from '@ambit/traffic/breaker/circuit-breaker';
import { ClusterLoad } from '@ambit/traffic/cluster-state/cluster-load';
import { GAUGES, Gauge } from '@ambit/traffic/cluster-state/cluster-memory';
import type { Ejection } from '@ambit/traffic/outlier/outlier-detection';
import { BREAKER_STATE, OUTLIERS_OUT } from '@ambit/telemetry/request-families';
import type { Metrics } from '@ambit/telemetry/metrics';
import { REFUSAL_SERIES } from '../limits.ts';
import type { SharedClusters } from './shared-clusters.ts';

export interface ClusterWatchParts {
  readonly clusters: SharedClusters;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** An endpoint that is out, as the admin page shows it. */
interface EndpointOut extends Ejection {
  /** Milliseconds of the clock. */
  readonly until: number;
}

const STATES: readonly BreakerState[] = ['closed', 'open', 'half-open'];

/** Tells what becomes of clusters: who is out, which breakers are open, and what is under way. */
export class ClusterWatch {
  readonly #parts: ClusterWatchParts;
  readonly #out = new Map<string, Map<string, EndpointOut>>();
  /** Clusters that the gauges have. */
  readonly #shown = new Set<string>();

  constructor(parts: ClusterWatchParts) {
    this.#parts = parts;
  }

  ejected(cluster: string, ejection: Ejection): void {
    const { clock, log } = this.#parts;
    const { uid, cause, ejections, durationMs } = ejection;
    let out = this.#out.get(cluster);
    if (out === undefined) {
      out = new Map();
      this.#out.set(cluster, out);
    }
    out.set(uid, { ...ejection, until: clock.now() + durationMs });
    log.warn(
      { code: 'AMBIT_ENDPOINT_EJECTED', cluster, endpoint: uid, cause, ejections, milliseconds: durationMs },
      'an endpoint fails and is out of its cluster for a while (outlierDetection)',
    );
  }

  breakerChanged(cluster: string, state: BreakerState): void {
    const { log } = this.#parts;
    if (state === 'open') {
      log.warn({ code: 'AMBIT_CIRCUIT_OPEN', cluster }, 'too many requests fail: the circuit breaker is open');
    } else {
      log.info({ cluster, state }, 'the circuit breaker is closed again');
    }
  }

  /** Sets the gauges, for a scrape. */
  measure(): void {
    const { clusters, metrics } = this.#parts;
    this.#expire();
    for (const name of this.#shown) {
      metrics.remove(OUTLIERS_OUT, name);
      metrics.remove(BREAKER_STATE, name);
    }
    this.#shown.clear();
    for (const [key, { model, memory }] of clusters.clusters()) {
      if (model.outlierDetection === null && model.circuitBreaker === null) continue;
      if (this.#shown.size >= REFUSAL_SERIES) return;
      this.#shown.add(model.name);
      if (model.outlierDetection !== null) {
        metrics.number(OUTLIERS_OUT, model.name).value = this.#out.get(key)?.size ?? 0;
      }
      if (model.circuitBreaker !== null) {
        metrics.number(BREAKER_STATE, model.name).value = STATES.indexOf(CircuitBreaker.stateIn(memory).state);
      }
    }
  }

  /** What is under way to each cluster, its limits, who is out, and its breaker: for people. */
  describe(): readonly object[] {
    const { clusters, clock } = this.#parts;
    this.#expire();
    return Array.from(clusters.clusters(), ([key, { model, memory }]) => {
      const load = new ClusterLoad(memory, 0);
      return {
        name: model.name,
        namespace: model.namespace,
        now: Object.fromEntries(GAUGES.map((name) => [name, load.sum(Gauge[name])])),
        connectionPool: model.connectionPool,
        retryBudget: model.retryBudget,
        outlierDetection: model.outlierDetection,
        out: [...(this.#out.get(key)?.values() ?? [])].map(({ uid, cause, ejections, until }) => ({
          ...{ endpoint: uid, cause, ejections, millisecondsLeft: Math.round(until - clock.now()) },
        })),
        circuitBreaker:
          model.circuitBreaker === null ? null : { ...model.circuitBreaker, ...CircuitBreaker.stateIn(memory) },
      };
    });
  }

  #expire(): void {
    const now = this.#parts.clock.now();
    for (const [cluster, out] of this.#out) {
      for (const [uid, { until }] of out) if (until <= now) out.delete(uid);
      if (out.size === 0) this.#out.delete(cluster);
    }
  }
}
