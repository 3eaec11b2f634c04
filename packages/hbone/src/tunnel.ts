import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { SpiffeId } from '@ambit/core/spiffe';
import type { TlsContext } from '@ambit/native/tls-context';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';

/** Header fields of a CONNECT or its response, without pseudo fields: name, value, name, value… in lower-case names. */
export type Fields = readonly string[];

/** Who is at the other end of a tunnel connection, verified. */
export interface TunnelPeer {
  readonly identity: SpiffeId;
  /** `identity` as a SPIFFE URI. */
  readonly principal: string;
  readonly address: SocketAddress;
}

/** How a relay ended. Bytes are those of the application's side: read from it, written to it. */
export interface RelayOutcome {
  readonly bytesFromApplication: number;
  readonly bytesToApplication: number;
  /** Undefined after an orderly end of both directions. */
  readonly error: AmbitError | undefined;
}

/** Bytes flowing between a tunnel stream and an application's socket. */
export interface Relay {
  readonly bytesFromApplication: number;
  readonly bytesToApplication: number;
  /** Ends both sides with a reset; `error` becomes the outcome's. Idempotent. */
  cut(error: AmbitError): void;
}

/** A CONNECT that a peer asks for and that waits for an answer: exactly one of `refuse`, `accept` and `open` is called, once. */
export interface IncomingTunnel {
  readonly peer: TunnelPeer;
  /** `:authority`, as it came. */
  readonly authority: string;
  readonly fields: Fields;
  /** Set by the owner: the peer gave up (reset, connection lost) before an answer. Nothing may be called after it. */
  onAbandoned: (() => void) | undefined;
  /** Answers with a status other than 200 and ends the stream. */
  refuse(status: number, fields: Fields): void;
  /**
   * Answers 200 and relays; takes ownership of `applicationFd`, a connected socket, adopted by the loop or not.
   * `onEnd` is called once, never from within.
   */
  accept(applicationFd: number, fields: Fields, onEnd: (outcome: RelayOutcome) => void): Relay;
  /** Answers 200 and gives the tunnel's bytes to `handler`, never from within. */
  open(fields: Fields, handler: ByteEndpointHandler): DuplexEndpoint;
}

/** What a client proves its identity with. */
export interface ClientCredential {
  readonly context: TlsContext;
  /** Rises with each certificate. */
  readonly generation: number;
}

/** Where an outgoing tunnel goes and as whom. Two targets with equal `sourcePrincipal`, `expected`, `address`, `sourceIp`, `workloadUid` share connections. */
export interface TunnelTarget {
  /** The peer's HBONE listener. */
  readonly address: SocketAddress;
  /** Network namespace of the pod on whose behalf the tunnel is opened. Default: the thread's own. */
  readonly namespace?: number;
  /** Address of that pod. */
  readonly sourceIp: string;
  readonly sourcePrincipal: string;
  /**
   * The newest credential, asked when a tunnel is opened and when a handshake starts, which may be a while after; undefined
   * while there is none. A new generation drains the connections of older ones.
   */
  readonly credential: () => ClientCredential | undefined;
  /** The peer's certificate must carry one of these. */
  readonly expected: readonly SpiffeId[];
  /** uid of the workload that is dialled; `retireWorkload` closes what leads to it. */
  readonly workloadUid: string;
}

/** A tunnel that the peer accepted (200) and that has not been put to use: `relay`, `endpoint` or `abandon` is called, once. */
export interface OpenTunnel {
  readonly peer: TunnelPeer;
  /** Takes ownership of `applicationFd`, a connected socket, adopted by the loop or not. `onEnd` is called once, never from within. */
  relay(applicationFd: number, onEnd: (outcome: RelayOutcome) => void): Relay;
  /** Gives the tunnel's bytes to `handler`, never from within. */
  endpoint(handler: ByteEndpointHandler): DuplexEndpoint;
  abandon(): void;
}

/** What comes of an outgoing tunnel: exactly one of these is called, once, never from inside `open`. */
export interface TunnelHandler {
  onAccepted(tunnel: OpenTunnel, fields: Fields): void;
  /** The peer answered with another status. No byte of the application was sent. */
  onRefused(status: number, fields: Fields): void;
  /** No answer: connect, handshake, identity or stream failed, after the pool's own retry on a fresh connection. */
  onFailed(error: AmbitError): void;
}

/** An outgoing tunnel that is not answered yet. */
export interface PendingTunnel {
  /** The application is gone: nothing of the handler is called any more. Idempotent. */
  cancel(): void;
}
