import type { Cluster as Message } from '@ambit/proto/waypoint';
import type { Problems } from './problems.ts';
import { readConsistentHash, readWarmup } from './read-balancing.ts';
import {
  readCircuitBreaker,
  readConnectionPool,
  readOutlierDetection,
  readRetryBudget,
} from './read-cluster-limits.ts';
import { readLocalityPreference } from './read-locality-preference.ts';
import { PROXY_PROTOCOLS, readUpstreamTls } from './read-upstream-tls.ts';
import type { Cluster, LoadBalancing, Protocol } from './served-service.ts';

export const PROTOCOLS: readonly Protocol[] = ['auto', 'tcp', 'http1', 'http2'];
const LOAD_BALANCINGS: readonly LoadBalancing[] = ['least-request', 'round-robin', 'random'];

/**
 * `workloadUid`: of the resource, whose clusters lead to it alone, but for those of `authorizers`; empty for a service, whose clusters
 * lead to services.
 */
export function readClusters(
  messages: readonly Message[],
  workloadUid: string,
  authorizers: ReadonlySet<string>,
  problems: Problems,
): Cluster[] {
  problems.refuseRepeated(
    'clusters',
    messages.map(({ name }) => name),
    'name',
  );
  return messages.map((message, index) => {
    const owner = authorizers.has(message.name) && message.workloadUid === '' ? '' : workloadUid;
    return readCluster(message, `clusters[${index}]`, owner, problems);
  });
}

function readCluster(message: Message, field: string, workloadUid: string, problems: Problems): Cluster {
  for (const name of ['name', 'namespace'] as const) {
    if (message[name].length === 0) problems.add(`${field}.${name}`, 'is empty');
  }
  if (message.workloadUid !== workloadUid) {
    const wanted = workloadUid === '' ? 'the resource is of a service' : `the resource is of ${workloadUid}`;
    problems.add(`${field}.workload_uid`, `${JSON.stringify(message.workloadUid)}, but ${wanted}`);
  }
  if (workloadUid === '') {
    if (message.hostname.length === 0) problems.add(`${field}.hostname`, 'is empty');
    problems.checkPort(message.port, `${field}.port`);
  } else {
    for (const name of ['hostname', 'subset'] as const) {
      if (message[name].length > 0) problems.add(`${field}.${name}`, 'is set, but a workload has none');
    }
    if (message.port !== 0) problems.checkPort(message.port, `${field}.port`);
  }
  if (message.subset.length === 0 && message.subsetWorkloadUids.length > 0) {
    problems.add(`${field}.subset_workload_uids`, 'is set without a subset, so it would not be looked at');
  }
  if (message.connectTimeoutMs === 0) {
    problems.add(`${field}.connect_timeout_ms`, 'is 0; the controller writes every default out (10000)');
  }
  return {
    name: message.name,
    namespace: message.namespace,
    hostname: message.hostname.toLowerCase(),
    workloadUid: message.workloadUid,
    port: message.port,
    protocol: problems.enumName(PROTOCOLS, message.protocol, `${field}.protocol`) ?? 'auto',
    subset: message.subset,
    subsetWorkloadUids: [...message.subsetWorkloadUids],
    loadBalancing:
      problems.enumName(LOAD_BALANCINGS, message.loadBalancer, `${field}.load_balancer`) ?? 'least-request',
    localityPreference: readLocalityPreference(message.localityPreference, `${field}.locality_preference`, problems),
    connectTimeoutMs: message.connectTimeoutMs,
    upstreamTls: readUpstreamTls(message.upstreamTls, `${field}.upstream_tls`, problems),
    proxyProtocol: problems.enumName(PROXY_PROTOCOLS, message.proxyProtocol, `${field}.proxy_protocol`) ?? 'none',
    connectionPool: readConnectionPool(message.connectionPool, `${field}.connection_pool`, problems),
    outlierDetection: readOutlierDetection(message.outlierDetection, `${field}.outlier_detection`, problems),
    circuitBreaker: readCircuitBreaker(message.circuitBreaker, `${field}.circuit_breaker`, problems),
    retryBudget: readRetryBudget(message.retryBudget, `${field}.retry_budget`, problems),
    consistentHash: readConsistentHash(message.consistentHash, `${field}.consistent_hash`, problems),
    warmup: readWarmup(message.warmup, `${field}.warmup`, problems),
  };
}
