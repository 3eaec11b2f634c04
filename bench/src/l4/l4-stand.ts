import type { Stand } from '../run/stand.ts';

/** Two nodes with the proxies of one subject between a client pod on the one and a server pod on the other; a group of proxies per node. */
export interface L4Stand extends Stand {
  /** Connections that the server's pod has accepted since its start, tunnels among them. */
  accepted(): Promise<number>;
}

export interface StandOptions {
  /** One tunnel per connection, so that each needs a full handshake. */
  readonly cold: boolean;
}

/** A way to carry the traffic between two nodes. */
export interface L4Carrier {
  readonly name: string;
  /** Whether it can be started with `StandOptions.cold`. */
  readonly cold: boolean;
  start(options: StandOptions): Promise<L4Stand>;
}
