import type { Cluster as Message } from '@ambit/proto/waypoint';
import type { Problems } from './problems.ts';
import type { Cluster, LoadBalancing, Protocol } from './served-service.ts';

export const PROTOCOLS: readonly Protocol[] = ['auto', 'tcp', 'http1', 'http2'];
const LOAD_BALANCINGS: readonly LoadBalancing[] = ['least-request', 'round-robin', 'random'];

export function readClusters(messages: readonly Message[], problems: Problems): Cluster[] {
  problems.refuseRepeated(
    'clusters',
    messages.map(({ name }) => name),
    'name',
  );
  return messages.map((message, index) => readCluster(message, `clusters[${index}]`, problems));
}

function readCluster(message: Message, field: string, problems: Problems): Cluster {
  for (const name of ['name', 'namespace', 'hostname'] as const) {
    if (message[name].length === 0) problems.add(`${field}.${name}`, 'is empty');
  }
  problems.checkPort(message.port, `${field}.port`);
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
    port: message.port,
    protocol: problems.enumName(PROTOCOLS, message.protocol, `${field}.protocol`) ?? 'auto',
    subset: message.subset,
    subsetWorkloadUids: [...message.subsetWorkloadUids],
    loadBalancing:
      problems.enumName(LOAD_BALANCINGS, message.loadBalancer, `${field}.load_balancer`) ?? 'least-request',
    connectTimeoutMs: message.connectTimeoutMs,
  };
}
