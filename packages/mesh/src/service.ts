import type { IpAddress } from '@ambit/core/address';
import type { GatewayAddress } from './workload.ts';

export type AppProtocol = 'grpc' | 'http11' | 'http2' | 'tcp' | 'tls' | 'unknown';

export interface ServicePort {
  readonly servicePort: number;
  /** 0 when each workload decides (a named port). */
  readonly targetPort: number;
  readonly appProtocol: AppProtocol;
}

/** An address of a service; `prefixLength` only when it stands for a whole range. */
export interface ServiceAddress {
  readonly network: string;
  readonly ip: IpAddress;
  readonly prefixLength: number | undefined;
}

export type RoutingPreference = 'cluster' | 'network' | 'node' | 'region' | 'subzone' | 'zone';

export interface LoadBalancing {
  /** `standard` takes any endpoint, `strict` only those that match every preference, `failover` the best match first. */
  readonly mode: 'failover' | 'passthrough' | 'standard' | 'strict';
  readonly preferences: readonly RoutingPreference[];
  /** Also endpoints that are not ready. */
  readonly allowUnhealthy: boolean;
}

/** The default: whatever endpoint is ready. */
export const ANY_ENDPOINT: LoadBalancing = { mode: 'standard', preferences: [], allowUnhealthy: false };

export interface WeightedWaypoint {
  readonly address: GatewayAddress;
  readonly weight: number;
}

/** A service with every default applied. */
export interface Service {
  /** `namespace/hostname`, also the name of the xDS resource. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly addresses: readonly ServiceAddress[];
  readonly ports: readonly ServicePort[];
  /** Further identities (`spiffe://…`) that may answer for this service. */
  readonly subjectAltNames: readonly string[];
  /** One of them is drawn by weight; a single waypoint has weight 1. */
  readonly waypoints: readonly WeightedWaypoint[];
  readonly loadBalancing: LoadBalancing;
  readonly ipFamilies: 'automatic' | 'dual' | 'ipv4' | 'ipv6';
  /** Wins over services of other namespaces with the same hostname or address. */
  readonly canonical: boolean;
  /** Seen only by clients of its own namespace. */
  readonly namespaceOnly: boolean;
  readonly ingressUseWaypoint: boolean;
  /** Why the controller's version could not be taken; such a service refuses all connections. */
  readonly invalid: string | undefined;
}
