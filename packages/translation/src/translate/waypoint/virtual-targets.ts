import { Protocol } from '@ambit/proto/waypoint';
import type { ServicePort } from '../../objects.ts';
import { MAX_SUBSET_WORKLOADS } from '../../limits.ts';
import type { MeshService } from '../mesh-service.ts';
import type { Destination } from '../../traffic-objects.ts';
import { tcpPorts } from '../service.ts';
import type { ClusterSet } from './clusters.ts';
import type { ServiceHosts } from './hosts.ts';
import { protocolOf } from './protocol.ts';

/** A served Service's port as a route sees it. */
export interface Listener {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly clusters: ClusterSet;
  readonly waypointNamespace: string;
  /** What is routed: requests, or connections whose bytes are not looked at. */
  readonly what: 'connections' | 'requests';
}

/** The cluster that a destination of an object of namespace `from`, its host in full, stands for at a port, or why there is none. */
export function targetOf(
  { host: name, port, subset = '' }: Destination,
  { clusters, port: dialled, what }: Listener,
  hosts: ServiceHosts,
  from: string,
  isPermitted: (service: MeshService) => boolean,
): { readonly cluster: string } | { readonly reason: string; readonly message: string } {
  const service = hosts.get(name, from);
  if (service === undefined)
    return { reason: 'BackendNotFound', message: `no Service or ServiceEntry is called ${name}` };
  if (!isPermitted(service)) {
    const { namespace } = service.metadata;
    const message = `no ReferenceGrant in ${namespace} permits to send to ${name} what carries the waypoint's identity`;
    return { reason: 'RefNotPermitted', message };
  }
  const ports = tcpPorts(service);
  // Without a number: the only port there is, else the one that was dialled.
  const number = port?.number ?? (ports.length === 1 ? ports[0]?.port : dialled.port);
  const found = ports.find((candidate) => candidate.port === number);
  if (found === undefined) return { reason: 'BackendNotFound', message: `${name} has no port ${number ?? 'at all'}` };
  if (what === 'requests' && protocolOf(found) === Protocol.TCP) {
    return { reason: 'UnsupportedProtocol', message: `port ${found.port} of ${name} is not declared to speak HTTP` };
  }
  const cluster = clusters.nameOf(service, found, subset);
  if (cluster !== undefined) return { cluster };
  if (clusters.whyNone(service, found, subset) === 'no-subset') {
    return { reason: 'SubsetNotFound', message: `no DestinationRule of ${name} has the subset ${subset}` };
  }
  const message = `subset ${subset} of ${name}: subsets that are routed to from one Service may have ${MAX_SUBSET_WORKLOADS} workloads together`;
  return { reason: 'UnsupportedValue', message };
}
