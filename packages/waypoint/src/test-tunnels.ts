import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { requireSpiffeId } from '@ambit/core/spiffe';
import { HbonePool } from '@ambit/hbone/pool';
import type { TunnelHandler } from '@ambit/hbone/tunnel';
import type { TlsContext } from '@ambit/native/tls-context';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import { context, leaf } from './test-identities.ts';

/** A tunnel, or why there is none. */
export type Opened = AmbitError | DuplexEndpoint | { readonly status: number; readonly fields: readonly string[] };

/** What node proxies of clients do: tunnels to a waypoint, each in the name of somebody. */
export class TestTunnels {
  readonly #pool: HbonePool;
  readonly #address: SocketAddress;
  readonly #waypoint: string;
  readonly #contexts = new Map<string, TlsContext>();

  /** `waypoint`: whom to expect at the address. */
  constructor(reactor: Reactor, address: SocketAddress, waypoint: string) {
    this.#pool = new HbonePool(reactor);
    this.#address = address;
    this.#waypoint = waypoint;
  }

  /** Whoever calls it turns the loop until there is a result. */
  open(handler: ByteEndpointHandler, authority: string, principal: string): { readonly result: Opened | undefined } {
    const opening: { result: Opened | undefined } = { result: undefined };
    const receiver: TunnelHandler = {
      onAccepted: (tunnel) => {
        opening.result = tunnel.endpoint(handler);
      },
      onRefused: (status, fields) => {
        opening.result = { status, fields };
      },
      onFailed: (error) => {
        opening.result = error;
      },
    };
    const target = {
      address: this.#address,
      sourceIp: '127.0.0.1',
      sourcePrincipal: principal,
      credential: () => ({ context: this.#contextOf(principal), generation: 1 }),
      expected: [requireSpiffeId(this.#waypoint)],
      workloadUid: 'waypoint-1',
    };
    this.#pool.open(target, authority, [], receiver);
    return opening;
  }

  destroy(): void {
    this.#pool.destroy();
  }

  #contextOf(principal: string): TlsContext {
    const known = this.#contexts.get(principal);
    if (known !== undefined) return known;
    const made = context('client', leaf(principal));
    this.#contexts.set(principal, made);
    return made;
  }
}
