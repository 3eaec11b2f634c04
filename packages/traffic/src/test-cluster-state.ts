import { ClusterLoad } from './cluster-state/cluster-load.ts';
import { allocateClusterMemory, type ClusterMemory } from './cluster-state/cluster-memory.ts';
import type { ConnectionPool } from './model/cluster-limits.ts';
import type { Cluster } from './model/served-service.ts';
import { RetryBudget } from './retry/retry-budget.ts';

export const NO_LIMITS: ConnectionPool = {
  maxConnections: 0,
  maxPendingRequests: 0,
  maxRequests: 0,
  maxRetries: 0,
  maxRequestsPerConnection: 0,
  maxConcurrentStreams: 0,
  maxConnectionDurationMs: 0,
  httpIdleTimeoutMs: null,
  tcpIdleTimeoutMs: 0,
  tcpKeepalive: null,
  http2Keepalive: null,
};

/** Time that a test turns. */
export interface TestTime {
  now: number;
}

/** The budget of a cluster on one data thread; by default the only one, and of a cluster that says nothing. */
export function budgetOf(
  cluster: Partial<Pick<Cluster, 'connectionPool' | 'retryBudget'>> = {},
  time: TestTime = { now: 1_000_000 },
  memory: ClusterMemory = allocateClusterMemory(1, false),
  thread = 0,
): RetryBudget {
  const load = new ClusterLoad(memory, thread);
  return new RetryBudget(memory, load, { connectionPool: null, retryBudget: null, ...cluster }, () => time.now);
}
