import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ClusterSchema,
  ConnectionPoolSchema,
  OutlierDetectionSchema,
  RetryBudgetSchema,
} from '@ambit/proto/waypoint';
import { istioDurationMs } from '../../schema/durations.ts';
import type { CircuitBreakerInit } from './circuit-breaker.ts';
import type { OutlierPolicy, PoolPolicy, PortPolicy, RetryBudgetPolicy } from '../../traffic-objects.ts';

/**
 * What connections and requests to a port of a Service may be, and what becomes of endpoints that fail: fields of its cluster. Those of
 * which nothing is said are left out.
 */
export type DestinationLimits = Pick<
  MessageInitShape<typeof ClusterSchema>,
  'circuitBreaker' | 'connectionPool' | 'outlierDetection' | 'retryBudget'
>;

// What Istio and Envoy have where a rule says nothing.
const CONSECUTIVE_ERRORS = 5;
const INTERVAL_MS = 10_000;
const BASE_EJECTION_MS = 30_000;
const MAX_EJECTION_PERCENT = 10;
/** As gRPC has it; Envoy has none of its own. */
const PING_TIMEOUT_MS = 20_000;
const BUDGET_PERCENT = 20;
const BUDGET_CONCURRENCY = 3;

export function destinationLimits(
  { connectionPool, outlierDetection }: PortPolicy,
  retryBudget: RetryBudgetPolicy | undefined,
  circuitBreaker: CircuitBreakerInit | undefined,
): DestinationLimits {
  const pool = poolOf(connectionPool);
  return {
    ...(pool === undefined ? {} : { connectionPool: pool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection: outliersOf(outlierDetection) }),
    ...(retryBudget === undefined ? {} : { retryBudget: budgetOf(retryBudget) }),
    ...(circuitBreaker === undefined ? {} : { circuitBreaker }),
  };
}

/** Undefined: nothing that limits is said, so that connections can be shared with others. */
function poolOf({ tcp = {}, http = {} }: PoolPolicy = {}): MessageInitShape<typeof ConnectionPoolSchema> | undefined {
  // As in Istio, HTTP has the time of TCP when it has none of its own.
  const httpIdle = http.idleTimeout ?? tcp.idleTimeout;
  const keepalive = tcp.tcpKeepalive;
  const numbers = {
    maxConnections: tcp.maxConnections ?? 0,
    maxPendingRequests: http.http1MaxPendingRequests ?? 0,
    maxRequests: http.http2MaxRequests ?? 0,
    maxRetries: http.maxRetries ?? 0,
    maxRequestsPerConnection: http.maxRequestsPerConnection ?? 0,
    maxConcurrentStreams: http.maxConcurrentStreams ?? 0,
    maxConnectionDurationMs: BigInt(millisecondsOf(tcp.maxConnectionDuration, 0)),
    tcpIdleTimeoutMs: BigInt(millisecondsOf(tcp.idleTimeout, 0)),
  };
  // Without an interval nothing is asked, so that there is nothing to wait for.
  const pingMs = millisecondsOf(http.http2KeepAlive?.interval, 0);
  const isSaid = pingMs > 0 || Object.values(numbers).some((number) => number > 0);
  if (!isSaid && httpIdle === undefined && keepalive === undefined) return undefined;
  return {
    ...numbers,
    ...(httpIdle === undefined ? {} : { httpIdleTimeoutMs: BigInt(millisecondsOf(httpIdle, 0)) }),
    ...(keepalive === undefined
      ? {}
      : {
          tcpKeepalive: {
            probes: keepalive.probes ?? 0,
            timeS: secondsOf(keepalive.time),
            intervalS: secondsOf(keepalive.interval),
          },
        }),
    ...(pingMs === 0
      ? {}
      : {
          http2Keepalive: {
            intervalMs: BigInt(pingMs),
            timeoutMs: BigInt(millisecondsOf(http.http2KeepAlive?.timeout, PING_TIMEOUT_MS)),
          },
        }),
  };
}

function outliersOf(outliers: OutlierPolicy): MessageInitShape<typeof OutlierDetectionSchema> {
  const split = outliers.splitExternalLocalOriginErrors === true;
  // 0 of these is none said, of the others it is a number.
  const localOrigin = outliers.consecutiveLocalOriginFailures ?? 0;
  const percent = outliers.maxEjectionPercent ?? 0;
  return {
    consecutive5xx: outliers.consecutive5xxErrors ?? CONSECUTIVE_ERRORS,
    consecutiveGatewayErrors: outliers.consecutiveGatewayErrors ?? 0,
    splitLocalOrigin: split,
    consecutiveLocalOrigin: localOrigin > 0 ? localOrigin : CONSECUTIVE_ERRORS,
    intervalMs: BigInt(millisecondsOf(outliers.interval, INTERVAL_MS)),
    baseEjectionMs: BigInt(millisecondsOf(outliers.baseEjectionTime, BASE_EJECTION_MS)),
    maxEjectionPercent: percent > 0 ? percent : MAX_EJECTION_PERCENT,
    minHealthPercent: outliers.minHealthPercent ?? 0,
  };
}

function budgetOf(budget: RetryBudgetPolicy): MessageInitShape<typeof RetryBudgetSchema> {
  return {
    percent: budget.percent ?? BUDGET_PERCENT,
    minConcurrency: budget.minRetryConcurrency ?? BUDGET_CONCURRENCY,
    intervalMs: BigInt(millisecondsOf(budget.budgetInterval, 0)),
  };
}

function millisecondsOf(text: string | undefined, absent: number): number {
  return text === undefined ? absent : (istioDurationMs(text) ?? absent);
}

/** Sockets know no shorter times. */
function secondsOf(text: string | undefined): number {
  return Math.ceil(millisecondsOf(text, 0) / 1_000);
}
