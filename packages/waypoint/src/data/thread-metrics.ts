import type { TunnelObserver } from '@ambit/hbone/observer';
import type { Decision } from '@ambit/mesh/policy/decision';
import { PolicyDecisions } from '@ambit/proxy/policy-decisions';
import { tunnelMetrics } from '@ambit/proxy/tunnel-metrics';
import { CONNECTION_REFUSALS } from '@ambit/telemetry/families';
import { Metrics } from '@ambit/telemetry/metrics';
import {
  AUTHORIZER_CHECKS,
  BREAKER_OPENED,
  DETECTED_PROTOCOLS,
  MIRRORED_REQUESTS,
  OUTLIER_EJECTIONS,
  RATE_LIMITED,
  RATE_LIMIT_SHARED,
  REBALANCED_CONNECTIONS,
  SPANS_DROPPED,
  TOKENS,
  UPSTREAM_REFUSALS,
} from '@ambit/telemetry/request-families';
import { RequestMetrics } from '@ambit/telemetry/request-metrics';
import type { RequestSnapshot } from '@ambit/telemetry/request-snapshot';
import type { MetricsSnapshot } from '@ambit/telemetry/snapshot';
import type { TrafficMetrics } from '@ambit/telemetry/traffic-metrics';
import type { RuleOutcome } from '@ambit/traffic/rate-limit/rate-limits';
import { AUTHORIZER_SERIES, MIRROR_SERIES, RATE_LIMIT_SERIES, REFUSAL_SERIES } from '../limits.ts';
import type { TokenFault } from '@ambit/traffic/token/token-fault';
import type { MirrorResult } from './mirror-result.ts';
import type { CheckOutcome } from './request-check.ts';

/** `server_first`: nobody looked further, `tcp`: the client's words are no HTTP, `none`: it ended before any told. */
export type DetectedProtocol = 'http1' | 'http2' | 'none' | 'server_first' | 'tcp';

/** What lasts, and counts what has passed of it by a scrape. */
export interface CallUnderWay {
  countMessages(): void;
}

/** What one data thread counts. */
export class ThreadMetrics {
  readonly requests: RequestMetrics = new RequestMetrics();
  /** Calls of gRPC that are under way. */
  readonly calls: Set<CallUnderWay> = new Set();
  readonly #metrics = new Metrics();
  readonly #decisions = new PolicyDecisions(this.#metrics);
  /** Those whose checks are counted by name. */
  readonly #authorizers = new Set<string>();
  /** Clusters whose copies are counted by name. */
  readonly #mirrors = new Set<string>();
  /** Clusters whose refusals, ejections and breakers are counted by name. */
  readonly #clusters = new Set<string>();
  /** Rules of rate limits that are counted by name. */
  readonly #rules = new Set<string>();
  readonly #now: () => number;

  /** `now` in monotonic milliseconds; counters of workloads that are gone expire by it. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get traffic(): TrafficMetrics {
    return this.#metrics.traffic;
  }

  readonly tunnelObserver: TunnelObserver = tunnelMetrics(this.#metrics);

  /** A tunnel, or an opaque connection in one, that was refused. */
  refused(reason: string): void {
    this.#metrics.number(CONNECTION_REFUSALS, 'waypoint', reason).value += 1;
  }

  /** What policies decide about a request, or a connection whose bytes are not looked at. */
  decided(decision: Decision): void {
    this.#decisions.count(decision);
  }

  /** An external authorizer was to be asked about a request. */
  checked(authorizer: string, outcome: CheckOutcome): void {
    const counted = this.#authorizers.has(authorizer) || this.#authorizers.size < AUTHORIZER_SERIES;
    if (counted) this.#authorizers.add(authorizer);
    this.#metrics.number(AUTHORIZER_CHECKS, counted ? authorizer : 'unknown', outcome).value += 1;
  }

  /** The tokens of a request are good, or one of them is not. */
  tokenJudged(result: TokenFault | 'good'): void {
    this.#metrics.number(TOKENS, snakeCase(result)).value += 1;
  }

  /** A copy of a request to a cluster is over. */
  mirrored(cluster: string, result: MirrorResult): void {
    const counted = this.#mirrors.has(cluster) || this.#mirrors.size < MIRROR_SERIES;
    if (counted) this.#mirrors.add(cluster);
    this.#metrics.number(MIRRORED_REQUESTS, counted ? cluster : 'unknown', result).value += 1;
  }

  /** What a connection to a port of undeclared protocol turned out to be. */
  detected(protocol: DetectedProtocol): void {
    this.#metrics.number(DETECTED_PROTOCOLS, protocol).value += 1;
  }

  /** Something was not sent to a cluster, because of a limit. */
  refusedFor(cluster: string, reason: string): void {
    this.#metrics.number(UPSTREAM_REFUSALS, this.#named(cluster), reason).value += 1;
  }

  /** What a rule has said of a request. */
  rateLimited({ rule: { limit, rule }, admitted, shared }: RuleOutcome): void {
    const policy = `${limit.namespace}/${limit.name}`;
    const key = `${policy} ${rule.name}`;
    const counted = this.#rules.has(key) || this.#rules.size < RATE_LIMIT_SERIES;
    if (counted) this.#rules.add(key);
    const names = counted ? [policy, rule.name] : ['unknown', 'unknown'];
    const result = admitted ? 'admitted' : limit.dryRun ? 'would_limit' : 'limited';
    this.#metrics.number(RATE_LIMITED, ...names, result).value += 1;
    if (shared) this.#metrics.number(RATE_LIMIT_SHARED, ...names).value += 1;
  }

  ejected(cluster: string, cause: string): void {
    this.#metrics.number(OUTLIER_EJECTIONS, this.#named(cluster), cause).value += 1;
  }

  breakerOpened(cluster: string): void {
    this.#metrics.number(BREAKER_OPENED, this.#named(cluster)).value += 1;
  }

  /** A client was asked to come again, to another pod maybe. */
  rebalanced(): void {
    this.#metrics.number(REBALANCED_CONNECTIONS).value += 1;
  }

  #named(cluster: string): string {
    const counted = this.#clusters.has(cluster) || this.#clusters.size < REFUSAL_SERIES;
    if (counted) this.#clusters.add(cluster);
    return counted ? cluster : 'unknown';
  }

  /** The main thread takes spans too slowly. */
  spanDropped(collector: string): void {
    this.#metrics.number(SPANS_DROPPED, collector, 'thread').value += 1;
  }

  workloadRemoved(uid: string): void {
    this.traffic.workloadRemoved(uid, this.#now());
  }

  snapshot(): { readonly counters: MetricsSnapshot; readonly requests: RequestSnapshot } {
    this.requests.expire(this.#now());
    this.traffic.expire(this.#now());
    for (const call of this.calls) call.countMessages();
    return { counters: this.#metrics.snapshot(), requests: this.requests.snapshot() };
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
