import type {
  CircuitBreaker as BreakerMessage,
  ConnectionPool as PoolMessage,
  Http2Keepalive as KeepaliveMessage,
  OutlierDetection as OutlierMessage,
  RetryBudget as BudgetMessage,
} from '@ambit/proto/waypoint';
import { MAX_DEADLINE_MS, MIN_HTTP2_PING_INTERVAL_MS } from '../limits.ts';
import type { Problems } from './problems.ts';
import type {
  CircuitBreaker,
  ConnectionPool,
  Http2Keepalive,
  OutlierDetection,
  RetryBudget,
} from './cluster-limits.ts';

/** Largest number that is told apart from none: the counts of all threads are 32 bits. */
const MAX_COUNT = 2_147_483_647;

export function readConnectionPool(
  message: PoolMessage | undefined,
  field: string,
  problems: Problems,
): ConnectionPool | null {
  if (message === undefined) return null;
  const { httpIdleTimeoutMs, tcpKeepalive } = message;
  return {
    maxConnections: Math.min(message.maxConnections, MAX_COUNT),
    maxPendingRequests: Math.min(message.maxPendingRequests, MAX_COUNT),
    maxRequests: Math.min(message.maxRequests, MAX_COUNT),
    maxRetries: Math.min(message.maxRetries, MAX_COUNT),
    maxRequestsPerConnection: message.maxRequestsPerConnection,
    maxConcurrentStreams: message.maxConcurrentStreams,
    maxConnectionDurationMs: readTime(message.maxConnectionDurationMs),
    httpIdleTimeoutMs: httpIdleTimeoutMs === undefined ? null : readTime(httpIdleTimeoutMs),
    tcpIdleTimeoutMs: readTime(message.tcpIdleTimeoutMs),
    tcpKeepalive:
      tcpKeepalive === undefined
        ? null
        : { probes: tcpKeepalive.probes, timeS: tcpKeepalive.timeS, intervalS: tcpKeepalive.intervalS },
    http2Keepalive: readHttp2Keepalive(message.http2Keepalive, `${field}.http2_keepalive`, problems),
  };
}

/** PINGs that come too often are taken for an attack by those who get them. */
function readHttp2Keepalive(
  message: KeepaliveMessage | undefined,
  field: string,
  problems: Problems,
): Http2Keepalive | null {
  if (message === undefined) return null;
  return {
    intervalMs: Math.max(readSetTime(message.intervalMs, `${field}.interval_ms`, problems), MIN_HTTP2_PING_INTERVAL_MS),
    timeoutMs: readSetTime(message.timeoutMs, `${field}.timeout_ms`, problems),
  };
}

export function readOutlierDetection(
  message: OutlierMessage | undefined,
  field: string,
  problems: Problems,
): OutlierDetection | null {
  if (message === undefined) return null;
  return {
    consecutive5xx: message.consecutive5xx,
    consecutiveGatewayErrors: message.consecutiveGatewayErrors,
    splitLocalOrigin: message.splitLocalOrigin,
    consecutiveLocalOrigin: message.consecutiveLocalOrigin,
    intervalMs: readSetTime(message.intervalMs, `${field}.interval_ms`, problems),
    baseEjectionMs: readSetTime(message.baseEjectionMs, `${field}.base_ejection_ms`, problems),
    maxEjectionPercent: readPercent(message.maxEjectionPercent, `${field}.max_ejection_percent`, problems),
    minHealthPercent: readPercent(message.minHealthPercent, `${field}.min_health_percent`, problems),
  };
}

export function readCircuitBreaker(
  message: BreakerMessage | undefined,
  field: string,
  problems: Problems,
): CircuitBreaker | null {
  if (message === undefined) return null;
  const { failurePercent, minimumRequests } = message;
  if (failurePercent === 0) problems.add(`${field}.failure_percent`, 'is 0: every request would open it');
  if (minimumRequests === 0) problems.add(`${field}.minimum_requests`, 'is 0');
  return {
    failurePercent: readPercent(failurePercent, `${field}.failure_percent`, problems),
    windowMs: readSetTime(message.windowMs, `${field}.window_ms`, problems),
    minimumRequests,
    openMs: readSetTime(message.openMs, `${field}.open_ms`, problems),
  };
}

export function readRetryBudget(
  message: BudgetMessage | undefined,
  field: string,
  problems: Problems,
): RetryBudget | null {
  if (message === undefined) return null;
  return {
    percent: readPercent(message.percent, `${field}.percent`, problems),
    minConcurrency: Math.min(message.minConcurrency, MAX_COUNT),
    intervalMs: readTime(message.intervalMs),
  };
}

function readPercent(percent: number, field: string, problems: Problems): number {
  if (!(percent >= 0 && percent <= 100)) problems.add(field, `${percent} is no share of 100`);
  return percent;
}

function readTime(ms: bigint): number {
  return Math.min(Number(ms), MAX_DEADLINE_MS);
}

function readSetTime(ms: bigint, field: string, problems: Problems): number {
  if (ms === 0n) problems.add(field, 'is 0; the controller writes every default out');
  return readTime(ms);
}
