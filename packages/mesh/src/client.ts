import type { IpAddress } from '@ambit/core/address';
import type { SpiffeId } from '@ambit/core/spiffe';
import type { Workload } from './workload.ts';

/** Where a client stands, compared with endpoints by a service's routing preferences. */
export interface Scopes {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
  readonly node: string;
  readonly cluster: string;
  readonly network: string;
}

/** The pod on whose behalf a decision is taken. One object per pod; make it anew when its workload changes. */
export interface Client {
  readonly identity: SpiffeId;
  /** The pod's addresses. */
  readonly addresses: readonly IpAddress[];
  readonly scopes: Scopes;
  /** The scopes as one text: clients with the same key get the same endpoints in the same order. */
  readonly scopesKey: string;
  /** Undefined while the controller has not told of it: its identity is known from the node agent all the same. */
  readonly workload: Workload | undefined;
}

/** What a node proxy knows of its node, for pods that the controller has not told of yet. */
export interface NodePlace {
  readonly network: string;
  readonly cluster: string;
  readonly node: string;
}

export function createClient(
  identity: SpiffeId,
  addresses: readonly IpAddress[],
  workload: Workload | undefined,
  place: NodePlace,
): Client {
  const scopes: Scopes = {
    region: workload?.locality.region ?? '',
    zone: workload?.locality.zone ?? '',
    subzone: workload?.locality.subzone ?? '',
    node: workload?.node ?? place.node,
    cluster: workload?.clusterId ?? place.cluster,
    network: workload?.network ?? place.network,
  };
  return { identity, addresses, scopes, scopesKey: JSON.stringify(Object.values(scopes)), workload };
}
