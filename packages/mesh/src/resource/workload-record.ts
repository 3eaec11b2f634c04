import type { IpAddress } from '@ambit/core/address';
import type { ApplicationTunnel, GatewayAddress, PortMapping, Workload, WorkloadType } from '../workload.ts';

// A mesh has few services and policies but up to hundreds of thousands of workloads, of which every thread keeps the keys
// and every process the bytes. So a workload is written as two lists without field names: what threads index it by, and
// the rest. Both are JSON: threads read it with the engine's own parser, and need not load the protobuf runtime.

type KeyList = readonly [
  uid: string,
  network: string,
  addresses: readonly IpAddress[],
  hostNetwork: 0 | 1,
  services: readonly string[],
  hostname: string,
  node: string,
  namespace: string,
  name: string,
  serviceAccount: string,
];

type RecordList = readonly [
  trustDomain: string,
  clusterId: string,
  region: string,
  zone: string,
  subzone: string,
  canonicalName: string,
  canonicalRevision: string,
  workloadName: string,
  workloadType: number,
  hbone: 0 | 1,
  nativeTunnel: 0 | 1,
  healthy: 0 | 1,
  capacity: number,
  authorizationPolicies: readonly string[],
  /** Per service, in the order of the keys: service port, target port, service port, target port, … */
  ports: readonly (readonly number[])[],
  waypoint: GatewayAddress | null,
  networkGateway: GatewayAddress | null,
  applicationTunnel: ApplicationTunnel | null,
  /** Left out of what is valid. */
  invalid?: string | null,
  /** Left out where addresses are its own; else why they may be old, or empty. */
  resolution?: string,
];

const TYPES = ['deployment', 'cronjob', 'pod', 'job'] as const satisfies readonly WorkloadType[];

/** What a thread must know of a workload to index it, so that the rest can stay undecoded until somebody needs it. */
export interface WorkloadKeys {
  readonly uid: string;
  readonly network: string;
  /** Empty for host-network workloads: their address is the node's. */
  readonly addresses: readonly IpAddress[];
  /** `namespace/name/service account`, as the node agent names a pod; empty for pods of other nodes. */
  readonly own: string;
  readonly hostname: string;
  /** `namespace/hostname` of the services it is an endpoint of. */
  readonly services: readonly string[];
}

/** `namespace/name/service account` of a pod. */
export function ownKey(namespace: string, name: string, serviceAccount: string): string {
  return `${namespace}/${name}/${serviceAccount}`;
}

export function formatWorkload(workload: Workload): { keys: string; record: string } {
  const { identity, locality } = workload;
  const keys: KeyList = [
    workload.uid,
    workload.network,
    workload.addresses,
    bit(workload.hostNetwork),
    [...workload.services.keys()],
    workload.hostname,
    workload.node,
    workload.namespace,
    workload.name,
    identity.serviceAccount,
  ];
  const record: RecordList = [
    identity.trustDomain,
    workload.clusterId,
    locality.region,
    locality.zone,
    locality.subzone,
    workload.canonicalName,
    workload.canonicalRevision,
    workload.workloadName,
    TYPES.indexOf(workload.workloadType),
    bit(workload.protocol === 'hbone'),
    bit(workload.nativeTunnel),
    bit(workload.healthy),
    workload.capacity,
    workload.authorizationPolicies,
    [...workload.services.values()].map((ports) => ports.flatMap((port) => [port.servicePort, port.targetPort])),
    workload.waypoint ?? null,
    workload.networkGateway ?? null,
    workload.applicationTunnel ?? null,
    ...lastFields(workload),
  ];
  return { keys: JSON.stringify(keys), record: JSON.stringify(record) };
}

/**
 * Reads the keys of a workload. `node` limits which pods can be looked up by their own name; undefined does not.
 * `intern` gives the one copy of a service's name that many workloads share.
 */
export function parseWorkloadKeys(
  text: string,
  node: string | undefined,
  intern: (service: string) => string,
): WorkloadKeys {
  const keys = JSON.parse(text) as KeyList;
  const [uid, network, addresses, hostNetwork, services, hostname, ownNode, namespace, name, serviceAccount] = keys;
  return {
    uid,
    network,
    addresses: hostNetwork === 1 ? [] : addresses,
    own: node === undefined || node === ownNode ? ownKey(namespace, name, serviceAccount) : '',
    hostname,
    services: services.map(intern),
  };
}

export function parseWorkload(keysText: string, recordText: string): Workload {
  const keys = JSON.parse(keysText) as KeyList;
  const [uid, network, addresses, hostNetwork, services, hostname, node, namespace, name, serviceAccount] = keys;
  const record = JSON.parse(recordText) as RecordList;
  const [trustDomain, clusterId, region, zone, subzone] = record;
  const resolution = record[19];
  return {
    uid,
    name,
    namespace,
    identity: { trustDomain, namespace, serviceAccount },
    addresses,
    hostname,
    network,
    protocol: record[9] === 1 ? 'hbone' : 'tcp',
    node,
    clusterId,
    locality: { region, zone, subzone },
    canonicalName: record[5],
    canonicalRevision: record[6],
    workloadName: record[7],
    workloadType: TYPES[record[8]] ?? 'pod',
    nativeTunnel: record[10] === 1,
    healthy: record[11] === 1,
    hostNetwork: hostNetwork === 1,
    capacity: record[12],
    waypoint: record[15] ?? undefined,
    networkGateway: record[16] ?? undefined,
    applicationTunnel: record[17] ?? undefined,
    authorizationPolicies: record[13],
    services: parsePorts(services, record[14]),
    invalid: record[18] ?? undefined,
    ...(resolution === undefined ? {} : { resolution: { failure: resolution === '' ? undefined : resolution } }),
  };
}

/** Most workloads need neither. */
function lastFields({ invalid, resolution }: Workload): [] | [string | null, string] | [string] {
  if (resolution !== undefined) return [invalid ?? null, resolution.failure ?? ''];
  return invalid === undefined ? [] : [invalid];
}

function parsePorts(
  services: readonly string[],
  ports: readonly (readonly number[])[],
): ReadonlyMap<string, readonly PortMapping[]> {
  const byService = new Map<string, readonly PortMapping[]>();
  for (const [index, service] of services.entries()) {
    const numbers = ports[index] ?? [];
    const mappings: PortMapping[] = [];
    for (let at = 0; at + 1 < numbers.length; at += 2) {
      mappings.push({ servicePort: numbers[at] ?? 0, targetPort: numbers[at + 1] ?? 0 });
    }
    byService.set(service, mappings);
  }
  return byService;
}

function bit(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}
