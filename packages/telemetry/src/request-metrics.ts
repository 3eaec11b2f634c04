import { EXPIRE_AFTER_MILLISECONDS, METRIC_SHAPINGS, REQUEST_OUTCOMES } from './limits.ts';
import { type MetricShape, MetricShaping, type MetricTags } from './metric-shape.ts';
import type { RequestProtocol } from './request-labels.ts';
import { RequestSeries } from './request-series.ts';
import { type RequestSnapshot, takeRequestSnapshot } from './request-snapshot.ts';
import { type LabelledService, partyLabels, areLabelsOf, serviceLabels, UNKNOWN_SERVICE } from './traffic-labels.ts';
import { Party } from './traffic-metrics.ts';

/**
 * The request counters of one thread of a waypoint. Ends are those of `TrafficMetrics.party`, which is also told of workloads
 * that are gone; so requests and opaque connections expire alike.
 */
export class RequestMetrics {
  readonly #bySource = new Map<Party, Map<Party, RequestSeries[]>>();
  /** All of them, and those that were dropped and counted again since. */
  readonly #all = new Set<RequestSeries>();
  /** By service and shapes, so that versions of a service that shape alike are counted together. */
  readonly #shapings = new Map<string, MetricShaping>();
  #outcomes = 0;
  readonly #folded: Readonly<Record<RequestProtocol, RequestSeries>>;

  constructor() {
    const unknown = new Party(partyLabels(undefined, undefined));
    const fold = (protocol: RequestProtocol) =>
      new RequestSeries(
        { admit: () => true, folded: () => this.#folded[protocol] },
        unknown,
        unknown,
        UNKNOWN_SERVICE,
        protocol,
      );
    this.#folded = { http: fold('http'), grpc: fold('grpc') };
  }

  /**
   * The series of requests between two ends; the same object for the same labels while it is known. Hold it. `destination` is the
   * party of no workload for what the waypoint answers itself. Beyond `REQUEST_OUTCOMES`, one whose ends are unknown.
   */
  series(
    source: Party,
    destination: Party,
    service: LabelledService | undefined,
    protocol: RequestProtocol,
    tags?: MetricTags,
  ): RequestSeries {
    let byDestination = this.#bySource.get(source);
    const known = byDestination?.get(destination) ?? [];
    for (const series of known) {
      if (series.protocol === protocol && series.tags === tags && areLabelsOf(series.service, service)) return series;
    }
    if (this.#all.size >= REQUEST_OUTCOMES) return this.#folded[protocol];
    const labels = service === undefined ? UNKNOWN_SERVICE : serviceLabels(service);
    const series = new RequestSeries(this.#owner, source, destination, labels, protocol, tags);
    this.#all.add(series);
    known.push(series);
    if (byDestination === undefined) {
      byDestination = new Map();
      this.#bySource.set(source, byDestination);
    }
    byDestination.set(destination, known);
    return series;
  }

  /** The same shapes for one service are the same object, as long as it is remembered. */
  shaping(service: string, shapes: readonly MetricShape[]): MetricShaping {
    const key = `${service} ${JSON.stringify(shapes)}`;
    const shaping = this.#shapings.get(key) ?? new MetricShaping(shapes);
    // The newest last.
    this.#shapings.delete(key);
    this.#shapings.set(key, shaping);
    for (const oldest of this.#shapings.keys()) {
      if (this.#shapings.size <= METRIC_SHAPINGS) break;
      this.#shapings.delete(oldest);
    }
    return shaping;
  }

  /**
   * Drops the series of which one end has been gone for some time. Returns how many. One that is still held counts on from
   * nothing.
   */
  expire(now: number): number {
    const due = ({ goneSince }: Party) => goneSince !== undefined && now - goneSince >= EXPIRE_AFTER_MILLISECONDS;
    let dropped = 0;
    for (const series of this.#all) {
      const { source, destination, outcomes } = series;
      if (!due(source) && !due(destination)) continue;
      this.#outcomes -= outcomes.length;
      series.clear();
      this.#all.delete(series);
      const byDestination = this.#bySource.get(source);
      byDestination?.delete(destination);
      if (byDestination?.size === 0) this.#bySource.delete(source);
      dropped += 1;
    }
    return dropped;
  }

  /** All that was counted, to be sent to the main thread; `requestSamples` makes samples of it there. */
  snapshot(): RequestSnapshot {
    return takeRequestSnapshot([...this.#all, this.#folded.http, this.#folded.grpc].filter(isCounted));
  }

  readonly #owner = {
    admit: (series: RequestSeries): boolean => {
      if (this.#outcomes >= REQUEST_OUTCOMES) return false;
      this.#outcomes += 1;
      this.#all.add(series);
      return true;
    },
    folded: (protocol: RequestProtocol): RequestSeries => this.#folded[protocol],
  };
}

function isCounted({ outcomes, requestMessages, responseMessages }: RequestSeries): boolean {
  return outcomes.length > 0 || requestMessages > 0 || responseMessages > 0;
}
