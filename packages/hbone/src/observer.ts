import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';

export type TunnelSide = 'client' | 'server';

/** Told of what happens to tunnel connections, for metrics and logs. Called on the loop's thread; must be quick and not throw. */
export interface TunnelObserver {
  /** TLS and identity are settled; `milliseconds` since accept or since the start of the TCP connect. */
  onConnection(side: TunnelSide, peer: SocketAddress, milliseconds: number): void;
  /** No connection came about: refused, timed out, wrong certificate or identity, too many handshakes. */
  onConnectionFailed(side: TunnelSide, peer: SocketAddress, error: AmbitError): void;
  /** A connection ended; `error` is undefined after an orderly end. `streams` were still open. */
  onConnectionClosed(side: TunnelSide, peer: SocketAddress, error: AmbitError | undefined, streams: number): void;
  /** A tunnel that the peer did not process is asked for once more, on a fresh connection. */
  onRetry(peer: SocketAddress, error: AmbitError): void;
}

/** Notes nothing. */
export const NO_OBSERVER: TunnelObserver = {
  onConnection: () => undefined,
  onConnectionFailed: () => undefined,
  onConnectionClosed: () => undefined,
  onRetry: () => undefined,
};
