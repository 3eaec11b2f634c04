import type { AmbitError } from '@ambit/core/errors';
import { reasonField } from '@ambit/hbone/reason';
import type { IncomingTunnel } from '@ambit/hbone/tunnel';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import { EndpointRelay } from '@ambit/reactor/endpoint-relay';
import type { CompiledPort } from '@ambit/traffic/compiled-service';
import type { DataThreadContext } from './context.ts';
import { OpaqueDial, type OpaqueUpstream } from './opaque-dial.ts';
import { OpaqueRecord } from './opaque-record.ts';
import { WAITING } from './waiting-endpoint.ts';
import type { ServedClient } from './served-connection.ts';
import type { LiveService } from './served-services.ts';

/**
 * A connection whose bytes are nobody's business. The endpoint is connected before the tunnel is answered, so that a client
 * never talks to nobody and a server may speak first.
 */
export function openOpaque(
  thread: DataThreadContext,
  client: ServedClient,
  live: LiveService,
  port: CompiledPort,
  tunnel: IncomingTunnel,
): void {
  const record = new OpaqueRecord(thread, client);
  const dial = new OpaqueDial(thread, live, client.routes.of(port).tcpDestinations, client, (result) => {
    tunnel.onAbandoned = undefined;
    if ('error' in result) {
      record.fail(result);
      tunnel.refuse(503, reasonField(result.error.code));
      return;
    }
    new OpaqueConnection(thread, record, tunnel.open([], WAITING), result);
  });
  tunnel.onAbandoned = (): void => {
    dial.cancel();
  };
}

/** Bytes relayed between a client's tunnel and an endpoint. */
export class OpaqueConnection {
  readonly relay: EndpointRelay;

  /** Takes both over; they are open, or about to be. */
  constructor(thread: DataThreadContext, record: OpaqueRecord, client: DuplexEndpoint, upstream: OpaqueUpstream) {
    const { slot } = upstream.chosen;
    slot.active += 1;
    record.open(upstream);
    thread.opaque.add(this);
    this.relay = new EndpointRelay(client, upstream.endpoint, (received, sent, error) => {
      slot.active -= 1;
      thread.opaque.delete(this);
      record.close(received, sent, error);
    });
  }

  destroy(error: AmbitError): void {
    this.relay.cut(error);
  }
}
