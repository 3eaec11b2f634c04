import type { Client, Scopes } from '../client.ts';
import type { LoadBalancing, RoutingPreference, Service } from '../service.ts';
import type { PortMapping, Workload } from '../workload.ts';
import { type Endpoint, serviceIdentities, workloadIdentities } from './endpoint.ts';
import { resolvedParts } from './resolved.ts';

/** `waypoint`: the endpoint takes tunnelled traffic itself, so that it need not know the port as a service port. */
export type EndpointPurpose = 'service' | 'waypoint';

/** Endpoints of equal rank with the sums of their weights, so that a weighted pick is one binary search. */
export class EndpointTier {
  readonly endpoints: readonly Endpoint[];
  /** Undefined when all weigh the same. */
  readonly #sums: Float64Array | undefined;

  constructor(endpoints: readonly Endpoint[]) {
    this.endpoints = endpoints;
    const first = endpoints[0]?.workload.capacity;
    if (endpoints.every(({ workload }) => workload.capacity === first)) return;
    const sums = new Float64Array(endpoints.length);
    let sum = 0;
    for (const [index, { workload }] of endpoints.entries()) {
      sum += workload.capacity;
      sums[index] = sum;
    }
    this.#sums = sums;
  }

  /** The endpoint at `position` (0 to below 1) of the total weight. */
  at(position: number): Endpoint | undefined {
    const sums = this.#sums;
    if (sums === undefined) return this.endpoints[Math.floor(position * this.endpoints.length)];
    const weight = position * (sums[sums.length - 1] ?? 0);
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? 0) > weight) high = middle;
      else low = middle + 1;
    }
    return this.endpoints[low];
  }
}

/** The endpoints of one port of a service as a client sees them, best rank first. */
export interface EndpointTable {
  readonly tiers: readonly EndpointTier[];
}

/** Rank of a workload whose name is not resolved: after all others. */
const UNRESOLVED = -1;

/** Sorts the workloads of a service that serve a port into tiers, by the routing preferences of the service. */
export function buildEndpointTable(
  service: Service,
  workloads: Iterable<Workload>,
  port: number,
  purpose: EndpointPurpose,
  client: Client,
): EndpointTable {
  const { loadBalancing } = service;
  const shared = serviceIdentities(service);
  const ranked = new Map<number, Endpoint[]>();
  for (const workload of workloads) {
    if (!workload.healthy && !loadBalancing.allowUnhealthy) continue;
    if (workload.capacity === 0 || !reachable(workload, client.scopes)) continue;
    const target = targetPort(service, workload, port, purpose);
    if (target === undefined) continue;
    const fit = rankOf(loadBalancing, client.scopes, workload);
    if (fit === undefined) continue;
    // One that nobody can dial yet is named when there is no other.
    const rank = workload.network === client.scopes.network && workload.addresses.length === 0 ? UNRESOLVED : fit;
    const own = workloadIdentities(workload);
    const identities = shared.length === 0 ? own : [...own, ...shared];
    const endpoints = (resolvedParts(workload) ?? [workload]).map((part) => ({
      workload: part,
      port: target,
      identities,
    }));
    const tier = ranked.get(rank);
    if (tier === undefined) ranked.set(rank, endpoints);
    else tier.push(...endpoints);
  }
  const ranks = [...ranked.keys()].sort((a, b) => b - a);
  return { tiers: ranks.map((rank) => new EndpointTier(ranked.get(rank) ?? [])) };
}

function reachable(workload: Workload, from: Scopes): boolean {
  if (workload.network !== from.network) return workload.networkGateway !== undefined;
  return workload.addresses.length > 0 || workload.hostname.length > 0;
}

/**
 * The port of `workload` that serves `port`: what the workload says, else the service's target port, else (for
 * workloads that take tunnelled traffic on a port of their own, and for waypoints) the same port.
 */
function targetPort(service: Service, workload: Workload, port: number, purpose: EndpointPurpose): number | undefined {
  const own = portOf(workload.services.get(service.key), port);
  if (own !== undefined) return own;
  const common = portOf(service.ports, port);
  if (common !== undefined) return common;
  const tunnel = workload.applicationTunnel;
  return tunnel !== undefined && (tunnel.port > 0 || purpose === 'waypoint') ? port : undefined;
}

function portOf(mappings: readonly PortMapping[] | undefined, port: number): number | undefined {
  if (mappings === undefined) return undefined;
  for (const { servicePort, targetPort: target } of mappings) {
    if (servicePort === port && target > 0) return target;
  }
  return undefined;
}

/** How well an endpoint fits; higher is better; undefined when it must not be used. */
function rankOf(loadBalancing: LoadBalancing, client: Scopes, workload: Workload): number | undefined {
  const { mode, preferences } = loadBalancing;
  if (mode !== 'strict' && mode !== 'failover') return 0;
  // Network in first place is soft: an endpoint of another network is still ranked by the rest.
  const soft = mode === 'failover' && preferences[0] === 'network';
  let rank = 0;
  for (const preference of soft ? preferences.slice(1) : preferences) {
    if (!sameScope(preference, client, workload)) break;
    rank++;
  }
  if (mode === 'strict') return rank === preferences.length ? 0 : undefined;
  if (soft && workload.network === client.network) rank += preferences.length - 1;
  return rank;
}

function sameScope(preference: RoutingPreference, client: Scopes, workload: Workload): boolean {
  switch (preference) {
    case 'region':
      return client.region === workload.locality.region;
    case 'zone':
      return client.zone === workload.locality.zone;
    case 'subzone':
      return client.subzone === workload.locality.subzone;
    case 'node':
      return client.node === workload.node;
    case 'cluster':
      return client.cluster === workload.clusterId;
    case 'network':
      return client.network === workload.network;
  }
}
