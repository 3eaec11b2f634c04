import type { IpAddress } from '@ambit/core/address';
import type { SpiffeId } from '@ambit/core/spiffe';

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

export const NO_LOCALITY: Locality = { region: '', zone: '', subzone: '' };

/** How a workload is reached: through an HBONE tunnel, or by plain TCP because it is not in the mesh. */
export type WorkloadProtocol = 'hbone' | 'tcp';

export type WorkloadType = 'cronjob' | 'deployment' | 'job' | 'pod';

/** Where a waypoint or a network gateway is: an address, or the hostname of a service or workload. */
export type GatewayDestination =
  | { readonly kind: 'address'; readonly network: string; readonly ip: IpAddress }
  | { readonly kind: 'hostname'; readonly namespace: string; readonly hostname: string };

export interface GatewayAddress {
  readonly destination: GatewayDestination;
  /** The port that takes HBONE over mTLS, on the pod itself. */
  readonly hbonePort: number;
}

/** A port of a service and the port of one workload behind it; `targetPort` 0 leaves the choice to the service. */
export interface PortMapping {
  readonly servicePort: number;
  readonly targetPort: number;
}

/** The application of this workload takes tunnelled traffic itself (a sandwiched waypoint). */
export interface ApplicationTunnel {
  readonly protocol: 'none' | 'proxy';
  /** Where all tunnelled traffic goes; 0 keeps the port of the request. */
  readonly port: number;
}

/** One endpoint of the mesh (pod, workload entry, gateway) with every default applied. */
export interface Workload {
  /** `cluster/group/kind/namespace/name[/section]`, also the name of the xDS resource. */
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly identity: SpiffeId;
  /** In the controller's order. Empty for workloads that are known by hostname only. */
  readonly addresses: readonly IpAddress[];
  /** Resolved through DNS when there is no address. Empty when unused. */
  readonly hostname: string;
  readonly network: string;
  readonly protocol: WorkloadProtocol;
  readonly node: string;
  readonly clusterId: string;
  readonly locality: Locality;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly workloadName: string;
  readonly workloadType: WorkloadType;
  /** True when the application speaks HBONE itself. */
  readonly nativeTunnel: boolean;
  readonly healthy: boolean;
  /** Shares its address with its node, so that it cannot be found by address. */
  readonly hostNetwork: boolean;
  /** Relative share of a service's connections; 0 takes none. */
  readonly capacity: number;
  readonly waypoint: GatewayAddress | undefined;
  readonly networkGateway: GatewayAddress | undefined;
  readonly applicationTunnel: ApplicationTunnel | undefined;
  /** `namespace/name` of the policies that select this workload, besides those of its namespace and the global ones. */
  readonly authorizationPolicies: readonly string[];
  /** The services it belongs to, by `namespace/hostname`. */
  readonly services: ReadonlyMap<string, readonly PortMapping[]>;
  /** Why the controller's version could not be taken; such a workload refuses all connections. */
  readonly invalid: string | undefined;
  /** Its addresses are what `hostname` stands for, or would be; absent: they are its own. */
  readonly resolution?: NameResolution;
  /** It is one of the addresses that the name of this workload (its uid) stands for. */
  readonly partOf?: string;
}

export interface NameResolution {
  /** Why the addresses may be old, or why there is none; undefined: they are fresh, or nobody has answered yet. */
  readonly failure: string | undefined;
}
