import { formatSocketAddress, parseSocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { reasonField } from '@ambit/hbone/reason';
import type { IncomingTunnel } from '@ambit/hbone/tunnel';
import { ClientRoutes } from './client-routes.ts';
import type { DataThreadContext } from './context.ts';
import { openOpaque } from './opaque-connection.ts';
import { OpaqueRecord } from './opaque-record.ts';
import { ProtocolDetection } from './protocol-detection.ts';
import { WAITING } from './waiting-endpoint.ts';
import type { ServedClient } from './served-connection.ts';

/**
 * Where a tunnel enters: its target, the virtual address of a service, says by whose rules it is served. What this
 * waypoint does not serve is refused with the reason.
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
    const service = store.findService(store.network, dialled.ip, peer.identity.namespace);
    if (service === undefined) {
      this.#refuse(tunnel, 400, 'AMBIT_WAYPOINT_UNKNOWN_SERVICE', `no service has the address ${dialled.ip}`);
      return;
    }
    const live = services.find(service.key);
    if (live === undefined) {
      // Its resource was refused, is on its way, or is another waypoint's: none of these may let traffic pass unjudged.
      this.#refuse(tunnel, 503, 'AMBIT_WAYPOINT_NOT_SERVED', `service ${service.key} is not served here`);
      return;
    }
    const port = live.compiled.ports.get(dialled.port);
    if (port === undefined) {
      this.#refuse(tunnel, 400, 'AMBIT_WAYPOINT_PORT', `service ${service.key} has no port ${dialled.port}`);
      return;
    }
    const client: ServedClient = {
      principal: peer.principal,
      address: peer.address,
      workload: store.findWorkload(store.network, peer.address.ip),
      dialled,
      authority: formatSocketAddress(dialled),
      routes: new ClientRoutes(store, peer.identity, peer.address.ip),
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
