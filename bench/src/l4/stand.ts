import type { LoadReport } from '../load/window.ts';

/** Two nodes with the proxies of one subject between a client pod on the one and a server pod on the other. */
export interface Stand {
  /** All processes of the proxies, per node; empty without proxies. */
  readonly proxies: readonly (readonly number[])[];
  /** Suite and group that the proxies agreed on, as seen on the link between the nodes; absent without proxies. */
  readonly tls?: string;
  /** Connections that the server's pod has accepted since its start, tunnels among them. */
  accepted(): Promise<number>;
  /** Runs the generator in the client pod to its end, `bulk` against the sink, all else against the echo server. Throws when it fails. */
  load(shape: string, options: Readonly<Record<string, string | number>>): Promise<LoadReport>;
  /** Opens connections in the client pod and holds them until `release`. */
  hold(connections: number): Promise<HeldConnections>;
  close(): Promise<void>;
}

export interface HeldConnections {
  release(): Promise<void>;
}

export interface StandOptions {
  /** One tunnel per connection, so that each needs a full handshake. */
  readonly cold: boolean;
}

/** A way to carry the traffic. */
export interface Subject {
  readonly name: string;
  /** Whether it can be started with `StandOptions.cold`. */
  readonly cold: boolean;
  start(options: StandOptions): Promise<Stand>;
}
