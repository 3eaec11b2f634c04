import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { SpiffeId } from '@ambit/core/spiffe';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { TlsContext } from '@ambit/native/tls-context';
import type { Reactor } from '@ambit/reactor/reactor';
import { type ConnectionTimes, HboneConnection, type StreamOwner } from './connection.ts';
import { serverIdentity } from './identity.ts';

/** Who keeps client connections. */
export interface ClientConnectionKeeper {
  /** TLS and identity are settled: tunnels may be opened. */
  onConnectionReady(connection: ClientConnection): void;
  /** A slot became free, or the peer changed how many there are. */
  onSlot(connection: ClientConnection): void;
  /** The connection takes no new tunnels any more: the peer goes away. */
  onConnectionLeaving(connection: ClientConnection): void;
  onConnectionOver(connection: ClientConnection, error: AmbitError | undefined): void;
}

/** The client's end of an HBONE connection. */
export class ClientConnection extends HboneConnection {
  /** Certificate generation it was made with. */
  readonly generation: number;
  /** Milliseconds of the loop since which no stream is open; undefined while one is. */
  idleSince: number | undefined;
  readonly #keeper: ClientConnectionKeeper;
  readonly #expected: readonly SpiffeId[];
  readonly #maxStreams: number;
  /** With one stream per connection each connection serves one tunnel in its life, as with Istio's ztunnel. */
  #spent = false;

  /** Takes a connected, adopted descriptor. Throws as `HboneConnection`. */
  constructor(
    reactor: Reactor,
    fd: number,
    context: TlsContext,
    generation: number,
    address: SocketAddress,
    expected: readonly SpiffeId[],
    maxStreams: number,
    times: ConnectionTimes,
    keeper: ClientConnectionKeeper,
  ) {
    super(reactor, fd, context, 'client', address, times);
    this.generation = generation;
    this.#expected = expected;
    this.#maxStreams = maxStreams;
    this.#keeper = keeper;
    this.idleSince = reactor.now;
  }

  /** Tunnels that may be opened now. */
  get slots(): number {
    if (this.peer === undefined || this.over || this.#spent) return 0;
    return Math.min(this.http.openable, this.#maxStreams - this.load);
  }

  /** The kernel or the peer's window holds back what is to be sent: new tunnels would wait behind it. */
  get clogged(): boolean {
    return this.endpoint.congested || this.http.sendBlocked;
  }

  /** Asks for a tunnel; undefined when there is no slot. */
  ask(fields: FieldList, owner: StreamOwner): Http2Stream<StreamOwner> | undefined {
    if (this.slots <= 0) return undefined;
    this.idleSince = undefined;
    this.#spent = this.#maxStreams === 1;
    return this.http.request(fields, false, owner, 'CONNECT');
  }

  onHeaders(stream: Http2Stream<StreamOwner>, fields: FieldList, endStream: boolean): void {
    try {
      stream.owner?.onResponse(fields, endStream);
    } catch (thrown) {
      this.failStream(stream, thrown);
    }
  }

  onSettings(): void {
    this.#keeper.onSlot(this);
  }

  onGoAway(): void {
    this.#keeper.onConnectionLeaving(this);
    // Without streams nothing holds the connection; with them it ends when they do.
    this.drain();
  }

  onStreamClosed(): void {
    if (this.load === 0) this.idleSince = this.reactor.now;
    if (this.#spent) {
      this.#keeper.onConnectionLeaving(this);
      this.drain();
    } else {
      this.#keeper.onSlot(this);
    }
  }

  protected judgePeer(): SpiffeId | AmbitError {
    return serverIdentity(this.endpoint.peer, this.#expected);
  }

  protected onReady(): void {
    this.#keeper.onConnectionReady(this);
  }

  protected onOver(error: AmbitError | undefined): void {
    this.#keeper.onConnectionOver(this, error);
  }
}
