import { AmbitError } from '@ambit/core/errors';
import { reasonField } from '@ambit/hbone/reason';
import type { IncomingTunnel } from '@ambit/hbone/tunnel';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import { EndpointRelay } from '@ambit/reactor/endpoint-relay';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { CompiledPort } from '@ambit/traffic/compiled-service';
import type { ConnectionPool } from '@ambit/traffic/model/cluster-limits';
import type { ClientAuthorization } from './client-authorization.ts';
import type { DataThreadContext } from './context.ts';
import { OpaqueDial, type OpaqueUpstream } from './opaque-dial.ts';
import { OpaqueRecord } from './opaque-record.ts';
import { PolicyDenied } from './policy-denied.ts';
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
  const { authorization } = client;
  const record = new OpaqueRecord(thread, client);
  const deny = (denied: PolicyDenied): void => {
    record.fail({ cluster: undefined, flags: '-', error: denied });
    tunnel.refuse(401, reasonField(denied.code, denied.policy));
  };
  const verdict = authorization.ofConnection();
  if (verdict !== undefined) record.judged(verdict.decision);
  if (verdict?.decision.allowed === false) {
    deny(new PolicyDenied(verdict));
    return;
  }
  const dial = new OpaqueDial(thread, live, client.routes.of(port).tcpDestinations, client, (result) => {
    tunnel.onAbandoned = undefined;
    if ('error' in result) {
      record.fail(result);
      tunnel.refuse(503, reasonField(result.error.code));
      return;
    }
    // Connecting may have taken long.
    const refusal = authorization.refusalOfConnection();
    if (refusal instanceof PolicyDenied) {
      result.endpoint.handTo(WAITING);
      result.endpoint.destroy();
      deny(refusal);
      return;
    }
    new OpaqueConnection(thread, record, authorization, tunnel.open([], WAITING), result);
  });
  tunnel.onAbandoned = (): void => {
    dial.cancel();
  };
}

/** Bytes relayed between a client's tunnel and an endpoint. */
export class OpaqueConnection {
  readonly relay: EndpointRelay;
  #ageTimer: ReactorTimer | undefined;
  #idleTimer: ReactorTimer | undefined;
  readonly #reactor: Reactor;
  readonly #authorization: ClientAuthorization;

  /** Takes `client` and `upstream` over; they are open, or about to be. */
  constructor(
    thread: DataThreadContext,
    record: OpaqueRecord,
    authorization: ClientAuthorization,
    client: DuplexEndpoint,
    upstream: OpaqueUpstream,
  ) {
    this.#authorization = authorization;
    const { slot, upstream: endpoint } = upstream.chosen;
    this.#reactor = thread.reactor;
    slot.active += 1;
    record.open(upstream);
    thread.opaque.add(this);
    this.relay = new EndpointRelay(client, upstream.endpoint, (received, sent, error) => {
      slot.active -= 1;
      endpoint.limits?.connectionEnded();
      this.#ageTimer?.cancel();
      this.#idleTimer?.cancel();
      thread.opaque.delete(this);
      record.close(received, sent, error);
    });
    if (endpoint.limits !== undefined) this.#bound(endpoint.limits.settings);
  }

  /** The policies in force have changed. */
  reconsider(): void {
    const refusal = this.#authorization.refusalOfConnection();
    if (refusal !== undefined) this.destroy(refusal);
  }

  destroy(error: AmbitError): void {
    this.relay.cut(error);
  }

  #bound({ maxConnectionDurationMs, tcpIdleTimeoutMs }: ConnectionPool): void {
    if (maxConnectionDurationMs > 0) {
      this.#ageTimer = this.#reactor.after(maxConnectionDurationMs, () => {
        this.destroy(new AmbitError('AMBIT_CONNECTION_AGE', 'the connection is as old as it may be'));
      });
    }
    if (tcpIdleTimeoutMs > 0) this.#watchIdle(tcpIdleTimeoutMs, -1);
  }

  /** Looks now and then instead of at each byte: an idle connection lives at most twice as long. */
  #watchIdle(idleMs: number, before: number): void {
    const bytes = this.relay.bytesAToB + this.relay.bytesBToA;
    if (bytes === before) {
      this.destroy(new AmbitError('AMBIT_CONNECTION_IDLE', 'the connection had no byte for as long as it may'));
      return;
    }
    this.#idleTimer = this.#reactor.after(idleMs, () => {
      this.#watchIdle(idleMs, bytes);
    });
  }
}
