import { bucketQuantile } from './bucket-quantile.ts';
import { REQUEST_BUCKETS } from './request-families.ts';
import { MESSAGE_LABELS } from './request-labels.ts';
import { HISTOGRAM_WIDTH, OUTCOME_WIDTH } from './request-series.ts';
import { KEY_WIDTH, type RequestSnapshot, SERIES_WIDTH } from './request-snapshot.ts';

/** What the requests to one service came to. */
export interface ServiceRates {
  /** Its host; `unknown` for what was answered without one. */
  readonly service: string;
  readonly requestsPerSecond: number;
  /** Answers of 500 and above, none at all, and statuses of gRPC that say that the server failed. */
  readonly errorsPerSecond: number;
  /** Milliseconds, told by the buckets of `istio_request_duration_milliseconds`; null without a request. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

const SERVICE = MESSAGE_LABELS.indexOf('destination_service');

/** UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const GRPC_FAILURES: ReadonlySet<number> = new Set([2, 4, 13, 14, 15]);

interface Totals {
  requests: number;
  errors: number;
  readonly durations: number[];
}

/**
 * Rate, errors and durations of each service between two looks at the threads of a process, `seconds` apart; sorted by rate. What
 * Telemetry says of metrics changes nothing here. A thread that was replaced between the looks counts for nothing.
 */
export function serviceRates(
  before: readonly RequestSnapshot[],
  after: readonly RequestSnapshot[],
  seconds: number,
): ServiceRates[] {
  const former = totalsOf(before);
  return Array.from(totalsOf(after), ([service, totals]): ServiceRates => {
    const past = former.get(service);
    const durations = totals.durations.map((count, bucket) => Math.max(count - (past?.durations[bucket] ?? 0), 0));
    return {
      service,
      requestsPerSecond: Math.max(totals.requests - (past?.requests ?? 0), 0) / seconds,
      errorsPerSecond: Math.max(totals.errors - (past?.errors ?? 0), 0) / seconds,
      p50: bucketQuantile(REQUEST_BUCKETS, durations, 0.5),
      p95: bucketQuantile(REQUEST_BUCKETS, durations, 0.95),
      p99: bucketQuantile(REQUEST_BUCKETS, durations, 0.99),
    };
  }).sort((one, other) => other.requestsPerSecond - one.requestsPerSecond || (one.service < other.service ? -1 : 1));
}

function totalsOf(snapshots: readonly RequestSnapshot[]): Map<string, Totals> {
  const all = new Map<string, Totals>();
  for (const { texts, series, outcomes, values } of snapshots) {
    for (let at = 0; at * KEY_WIDTH < outcomes.length; at += 1) {
      const key = at * KEY_WIDTH;
      const service = texts[series[(outcomes[key] ?? 0) * SERIES_WIDTH + SERVICE] ?? 0] ?? '';
      const totals = all.get(service) ?? { requests: 0, errors: 0, durations: REQUEST_BUCKETS.map(() => 0).concat(0) };
      all.set(service, totals);
      const status = outcomes[key + 1] ?? 0;
      const count = values[at * OUTCOME_WIDTH + OUTCOME_WIDTH - 1] ?? 0;
      totals.requests += count;
      if (status === 0 || status >= 500 || GRPC_FAILURES.has(outcomes[key + 2] ?? 0)) totals.errors += count;
      for (let bucket = 0; bucket < HISTOGRAM_WIDTH - 1; bucket += 1) {
        totals.durations[bucket] = (totals.durations[bucket] ?? 0) + (values[at * OUTCOME_WIDTH + bucket] ?? 0);
      }
    }
  }
  return all;
}
