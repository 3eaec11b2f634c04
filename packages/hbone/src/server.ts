import type { SocketAddress } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { SpiffeId } from '@ambit/core/spiffe';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import { localAddress } from '@ambit/native/socket';
import { setNoDelay, setResetOnClose } from '@ambit/native/socket-option';
import type { TlsContext } from '@ambit/native/tls-context';
import type { Reactor } from '@ambit/reactor/reactor';
import { type ConnectionTimes, HboneConnection, type StreamOwner } from './connection.ts';
import { HandshakeGate } from './handshake-gate.ts';
import { clientIdentity } from './identity.ts';
import { refuseStream, ServerTunnel } from './incoming-tunnel.ts';
import { LEAVING_CONNECTION_MS } from './limits.ts';
import { NO_OBSERVER, type TunnelObserver } from './observer.ts';
import { reasonField } from './reason.ts';
import type { IncomingTunnel } from './tunnel.ts';

export interface HboneServerOptions extends ConnectionTimes {
  /** Server context of the newest certificate; undefined while there is none: connections are closed. Asked per connection. */
  readonly context: () => TlsContext | undefined;
  /** Trust domains whose identities are taken: the own one and its aliases. May change. */
  readonly trustDomains: ReadonlySet<string>;
  /** A peer asks for a tunnel. `localIp` is the address at which its connection arrived. */
  readonly onTunnel: (tunnel: IncomingTunnel, localIp: string) => void;
  /** Default: nothing is observed. */
  readonly observer?: TunnelObserver;
}

/** Serves HBONE on accepted connections: TLS, identity, then CONNECT by CONNECT. */
export class HboneServer {
  readonly #reactor: Reactor;
  readonly #options: HboneServerOptions;
  readonly #observer: TunnelObserver;
  readonly #gate: HandshakeGate;
  readonly #connections: Set<ServerConnection> = new Set();
  #leaving = false;
  #draining = false;

  constructor(reactor: Reactor, options: HboneServerOptions) {
    this.#reactor = reactor;
    this.#options = options;
    this.#observer = options.observer ?? NO_OBSERVER;
    this.#gate = HandshakeGate.of(reactor);
  }

  /** Connections, in their handshake or open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Takes ownership of `fd`, an accepted descriptor that the loop has adopted. */
  accept(fd: number, peer: SocketAddress): void {
    const refusal = this.#refusal(peer);
    if (refusal !== undefined) {
      this.#turnAway(fd, peer, refusal);
      return;
    }
    try {
      // A GOAWAY or an answer must not wait for the acknowledgement of what was sent before.
      setNoDelay(fd);
      const context = this.#options.context();
      if (context === undefined) {
        throw new AmbitError('AMBIT_HBONE_NO_CERTIFICATE', 'there is no certificate to serve the peer with yet', {
          source: 'system',
          retryable: true,
        });
      }
      const connection = new ServerConnection(
        this.#reactor,
        fd,
        context,
        peer,
        localAddress(fd).ip,
        this.#options,
        this.#observer,
        (ended) => {
          this.#connections.delete(ended);
        },
      );
      this.#connections.add(connection);
      if (this.#leaving) this.#letGoSoon(connection);
    } catch (thrown) {
      this.#gate.leave(peer.ip);
      this.#turnAway(
        fd,
        peer,
        thrown instanceof AmbitError
          ? thrown
          : new AmbitError('AMBIT_HBONE_ACCEPT', messageOf(thrown), { cause: thrown }),
      );
    }
  }

  /**
   * Who is served is about to end, and may not be able to say so then: peers are told to let their connections go. New ones
   * are still taken, for `LEAVING_CONNECTION_MS` each, and open tunnels go on. `false` takes it back. Idempotent.
   */
  leave(leaving: boolean): void {
    if (this.#leaving === leaving) return;
    this.#leaving = leaving;
    if (leaving) for (const connection of [...this.#connections]) connection.drain();
  }

  /** Takes no new connections and lets peers know; open tunnels go on. Idempotent. */
  drain(): void {
    this.#draining = true;
    for (const connection of [...this.#connections]) connection.drain();
  }

  /** Ends everything now. Idempotent. */
  destroy(error?: AmbitError): void {
    this.#draining = true;
    for (const connection of [...this.#connections]) connection.destroy(error);
  }

  /** Not at once: it was opened for a tunnel, which must not meet the goodbye. */
  #letGoSoon(connection: ServerConnection): void {
    this.#reactor.after(LEAVING_CONNECTION_MS, () => {
      if (this.#leaving) connection.drain();
    });
  }

  #refusal(peer: SocketAddress): AmbitError | undefined {
    if (this.#draining)
      return new AmbitError('AMBIT_HBONE_DRAINING', 'the pod takes no new tunnels', { retryable: true });
    if (this.#gate.enter(peer.ip)) return undefined;
    return new AmbitError('AMBIT_HBONE_HANDSHAKES', `too many handshakes of ${peer.ip}, or altogether, are under way`, {
      source: 'peer',
      retryable: true,
    });
  }

  #turnAway(fd: number, peer: SocketAddress, error: AmbitError): void {
    setResetOnClose(fd);
    this.#reactor.close(fd);
    this.#observer.onConnectionFailed('server', peer, error);
  }
}

class ServerConnection extends HboneConnection {
  readonly #localIp: string;
  readonly #options: HboneServerOptions;
  readonly #observer: TunnelObserver;
  readonly #onEnded: (connection: ServerConnection) => void;
  #inHandshake = true;

  constructor(
    reactor: Reactor,
    fd: number,
    context: TlsContext,
    address: SocketAddress,
    localIp: string,
    options: HboneServerOptions,
    observer: TunnelObserver,
    onEnded: (connection: ServerConnection) => void,
  ) {
    super(reactor, fd, context, 'server', address, options);
    this.#localIp = localIp;
    this.#options = options;
    this.#observer = observer;
    this.#onEnded = onEnded;
  }

  onHeaders(stream: Http2Stream<StreamOwner>, fields: FieldList, endStream: boolean): void {
    const peer = this.peer;
    const authority = fieldValue(fields, ':authority');
    if (!stream.connectRequest || peer === undefined || authority === undefined) {
      refuseStream(this, stream, 400, reasonField('AMBIT_HBONE_NOT_CONNECT'));
      return;
    }
    const tunnel = new ServerTunnel(this, stream, peer, authority, withoutPseudo(fields));
    if (endStream) tunnel.onData(NOTHING, 0, 0, 0, true);
    try {
      this.#options.onTunnel(tunnel, this.#localIp);
    } catch (thrown) {
      // One tunnel fails, not its neighbours on the connection.
      this.reactor.report(thrown);
      tunnel.refuse(503, reasonField('AMBIT_INTERNAL'));
    }
  }

  onSettings(): void {
    // A server opens no streams.
  }

  onGoAway(): void {
    // The client opens no more streams; those that are open go on.
  }

  onStreamClosed(): void {
    // Counted by the streams table.
  }

  protected judgePeer(): SpiffeId | AmbitError {
    return clientIdentity(this.endpoint.peer, this.#options.trustDomains);
  }

  protected onReady(): void {
    this.#leaveHandshake();
    this.#observer.onConnection('server', this.address, this.reactor.now - this.begunAt);
  }

  protected onOver(error: AmbitError | undefined): void {
    if (this.#inHandshake) {
      this.#leaveHandshake();
      const failure = error ?? new AmbitError('AMBIT_HBONE_CLOSED', 'closed during the handshake', { source: 'peer' });
      this.#observer.onConnectionFailed('server', this.address, failure);
    } else {
      this.#observer.onConnectionClosed('server', this.address, error, this.load);
    }
    this.#onEnded(this);
  }

  #leaveHandshake(): void {
    this.#inHandshake = false;
    HandshakeGate.of(this.reactor).leave(this.address.ip);
  }
}

const NOTHING = Buffer.alloc(0);

/** Pseudo-headers come first (RFC 9113 8.3). */
function withoutPseudo(fields: FieldList): FieldList {
  let at = 0;
  while (fields[at]?.startsWith(':') === true) at += 2;
  return fields.slice(at);
}
