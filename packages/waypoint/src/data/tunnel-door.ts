import { formatSocketAddress, type IpAddress, parseSocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { reasonField } from '@ambit/hbone/reason';
import type { IncomingTunnel } from '@ambit/hbone/tunnel';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import { ClientAuthorization } from './client-authorization.ts';
import { ClientRoutes } from './client-routes.ts';
import type { DataThreadContext } from './context.ts';
import { openOpaque } from './opaque-connection.ts';
import { OpaqueRecord } from './opaque-record.ts';
import { ProtocolDetection } from './protocol-detection.ts';
import { portOf } from './served-services.ts';
import { WAITING } from './waiting-endpoint.ts';
import type { ServedClient } from './served-connection.ts';

/**
 * Where a tunnel enters: its target, the virtual address of a service or the address of a workload, says by whose rules it is
 * served. What this waypoint does not serve is refused with the reason.
 */
export class TunnelDoor {
  readonly #thread: DataThreadContext;

  constructor(thread: DataThreadContext) {
    this.#thread = thread;
  }

  enter(tunnel: IncomingTunnel): void {
    const { store, services } = this.#thread;
    const dialled = parseSocketAddress(tunnel.authority);
    if (dialled === undefined) {
      this.#refuse(tunnel, 400, 'AMBIT_WAYPOINT_AUTHORITY', `${JSON.stringify(tunnel.authority)} is not ip:port`);
      return;
    }
    const { peer } = tunnel;
    const { workload, service } = ownerOf(store, dialled.ip, peer.identity.namespace);
    const served = workload?.uid ?? service?.key;
    // A pod that asks for no waypoint is nobody's to reach through one.
    if (served === undefined || (workload !== undefined && workload.waypoint === undefined)) {
      const message = `no service and no workload with a waypoint has the address ${dialled.ip}`;
      this.#refuse(tunnel, 400, 'AMBIT_WAYPOINT_UNKNOWN_SERVICE', message);
      return;
    }
    const live = services.find(served);
    if (live === undefined) {
      // Its resource was refused, is on its way, or is another waypoint's: none of these may let traffic pass unjudged.
      this.#refuse(tunnel, 503, 'AMBIT_WAYPOINT_NOT_SERVED', `${served} is not served here`);
      return;
    }
    const port = portOf(live, dialled.port);
    if (port === undefined) {
      this.#refuse(tunnel, 400, 'AMBIT_WAYPOINT_PORT', `${served} has no port ${dialled.port}`);
      return;
    }
    const client: ServedClient = {
      principal: peer.principal,
      identity: peer.identity,
      sourceIp: peer.address.ip,
      address: peer.address,
      workload: store.findWorkload(store.network, peer.address.ip),
      dialled,
      authority: formatSocketAddress(dialled),
      routes: new ClientRoutes(store, peer.identity, peer.address.ip),
      authorization: new ClientAuthorization(services, served, {
        identity: peer.identity,
        sourceIp: peer.address.ip,
        destinationIp: dialled.ip,
        destinationPort: dialled.port,
      }),
      served,
      service,
    };
    if (port.protocol === 'tcp') {
      openOpaque(this.#thread, client, live, port, tunnel);
      return;
    }
    const detection = new ProtocolDetection(this.#thread, client, live, port);
    const endpoint = tunnel.open([], WAITING);
    endpoint.handTo(detection);
    detection.begin(endpoint);
  }

  #refuse(tunnel: IncomingTunnel, status: number, code: string, message: string): void {
    new OpaqueRecord(this.#thread, {
      principal: tunnel.peer.principal,
      address: tunnel.peer.address,
      workload: this.#thread.store.findWorkload(this.#thread.store.network, tunnel.peer.address.ip),
      authority: tunnel.authority,
      service: undefined,
    }).fail({ cluster: undefined, flags: 'NR', error: new AmbitError(code, message, { source: 'peer' }) });
    tunnel.refuse(status, reasonField(code));
  }
}

/**
 * Whose address it is, in the order in which node proxies look: a service's own counts before a workload's, and that before a
 * service's range.
 */
function ownerOf(
  store: MeshStore,
  ip: IpAddress,
  clientNamespace: string,
): { readonly workload?: Workload; readonly service?: Service } {
  const { network } = store;
  const exact = store.services.byAddress(network, ip, clientNamespace)?.model;
  if (exact !== undefined) return { service: exact };
  const workload = store.findWorkload(network, ip);
  if (workload !== undefined) return { workload };
  const range = store.services.byRange(network, ip, clientNamespace)?.model;
  return range === undefined ? {} : { service: range };
}
