import type { IpAddress } from '@ambit/core/address';
import { type SpiffeId, sameSpiffeId } from '@ambit/core/spiffe';
import type { Client } from '../client.ts';
import { chooseAddress, workloadIdentities } from '../endpoint/endpoint.ts';
import type { Choice } from '../endpoint/endpoint-set.ts';
import type { MeshStore } from '../mesh-store.ts';
import type { Service } from '../service.ts';
import { preferred } from '../store/service-store.ts';
import type { GatewayAddress, Workload } from '../workload.ts';

/** What a waypoint or gateway reference names. */
export type GatewayTarget =
  | { readonly kind: 'service'; readonly service: Service }
  | { readonly kind: 'workload'; readonly workload: Workload };

/** One pod of a waypoint or gateway, ready to be dialled. */
export interface GatewayEndpoint {
  readonly workload: Workload;
  readonly ip: IpAddress | undefined;
  readonly port: number;
  /** The identities that may answer there. */
  readonly identities: readonly SpiffeId[];
}

/** The service or workload behind a reference; undefined when it is not known. */
export function resolveGateway(store: MeshStore, { destination }: GatewayAddress): GatewayTarget | undefined {
  if (destination.kind === 'address') {
    const { network, ip } = destination;
    // The reference comes from the controller and belongs to nobody's namespace.
    const service = store.findService(network, ip, '');
    if (service !== undefined) return { kind: 'service', service };
    const workload = store.findWorkload(network, ip);
    return workload === undefined ? undefined : { kind: 'workload', workload };
  }
  const { namespace, hostname } = destination;
  const named = store.services.byKey(`${namespace}/${hostname}`);
  const service = named ?? preferred(store.services.byHostname(hostname), namespace);
  if (service !== undefined) return { kind: 'service', service: service.model };
  const workloads = store.workloads.byHostname(hostname);
  const workload = workloads.find(({ model }) => model.namespace === namespace) ?? workloads[0];
  return workload === undefined ? undefined : { kind: 'workload', workload: workload.model };
}

/** Draws a pod of a waypoint or gateway; undefined when there is none to use. */
export function pickGateway(
  store: MeshStore,
  gateway: GatewayAddress,
  client: Client,
  asked: IpAddress,
  choice: Choice,
  excluded: ReadonlySet<string> | undefined,
): GatewayEndpoint | undefined {
  const target = resolveGateway(store, gateway);
  if (target === undefined) return undefined;
  const port = gateway.hbonePort;
  if (target.kind === 'workload') {
    const { workload } = target;
    if (workload.invalid !== undefined || excluded?.has(workload.uid) === true) return undefined;
    return { workload, ip: chooseAddress(workload, asked, undefined), port, identities: workloadIdentities(workload) };
  }
  const { service } = target;
  if (service.invalid !== undefined) return undefined;
  const endpoint = store.endpoints(service.key)?.pick(service, port, 'waypoint', client, choice, excluded);
  if (endpoint === undefined) return undefined;
  const { workload, identities } = endpoint;
  return { workload, ip: chooseAddress(workload, asked, service), port, identities };
}

/** Whether the client is itself one of the pods of this waypoint: its identity and an address of it are theirs. */
export function isOwnWaypoint(store: MeshStore, gateway: GatewayAddress, client: Client): boolean {
  const target = resolveGateway(store, gateway);
  if (target === undefined) return false;
  if (target.kind === 'workload') return isClient(target.workload, client);
  const set = store.endpoints(target.service.key);
  if (set === undefined) return false;
  for (const ip of client.addresses) {
    const workload = store.findWorkload(client.scopes.network, ip);
    if (workload !== undefined && set.has(workload.uid) && isClient(workload, client)) return true;
  }
  return false;
}

function isClient(workload: Workload, client: Client): boolean {
  return (
    sameSpiffeId(workload.identity, client.identity) && client.addresses.some((ip) => workload.addresses.includes(ip))
  );
}
