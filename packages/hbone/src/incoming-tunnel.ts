import { AmbitError } from '@ambit/core/errors';
import { ErrorCode } from '@ambit/http/h2/frames';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { HboneConnection, StreamOwner } from './connection.ts';
import { EarlyBytes } from './early-bytes.ts';
import { TunnelRelay } from './relay.ts';
import { TunnelEndpoint } from './tunnel-endpoint.ts';
import type { Fields, IncomingTunnel, Relay, RelayOutcome, TunnelPeer } from './tunnel.ts';

/** Answers a request that gets no tunnel, and frees its stream (RFC 9113 8.1). */
export function refuseStream(
  connection: HboneConnection,
  stream: Http2Stream<StreamOwner>,
  status: number,
  fields: Fields,
): void {
  connection.http.respond(stream, [':status', String(status), ...fields], true);
  // The peer need not send what is left of its side.
  connection.http.resetStream(stream, ErrorCode.noError);
}

/** A CONNECT on a server's connection, until it is answered. */
export class ServerTunnel implements IncomingTunnel, StreamOwner {
  readonly peer: TunnelPeer;
  readonly authority: string;
  readonly fields: Fields;
  onAbandoned: (() => void) | undefined;
  readonly #connection: HboneConnection;
  readonly #stream: Http2Stream<StreamOwner>;
  #early: EarlyBytes | undefined;
  #answered = false;

  constructor(
    connection: HboneConnection,
    stream: Http2Stream<StreamOwner>,
    peer: TunnelPeer,
    authority: string,
    fields: Fields,
  ) {
    this.#connection = connection;
    this.#stream = stream;
    this.peer = peer;
    this.authority = authority;
    this.fields = fields;
    stream.owner = this;
  }

  refuse(status: number, fields: Fields): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#stream.owner = undefined;
    this.#early?.discard(this.#connection, this.#stream);
    refuseStream(this.#connection, this.#stream, status, fields);
  }

  accept(applicationFd: number, fields: Fields, onEnd: (outcome: RelayOutcome) => void): Relay {
    return this.#answer(new TunnelRelay(this.#connection, this.#stream, applicationFd, onEnd), fields);
  }

  open(fields: Fields, handler: ByteEndpointHandler): DuplexEndpoint {
    return this.#answer(new TunnelEndpoint(this.#connection, this.#stream, handler), fields);
  }

  #answer<Owner extends StreamOwner>(owner: Owner, fields: Fields): Owner {
    if (this.#answered) {
      this.#tellTooLate(owner);
      return owner;
    }
    this.#answered = true;
    this.#stream.owner = owner;
    this.#connection.http.respond(this.#stream, [':status', '200'].concat(fields), false);
    this.#early?.replay(owner);
    this.#early = undefined;
    return owner;
  }

  /** The peer is gone, and the application learns of it by a reset. */
  #tellTooLate(owner: StreamOwner): void {
    this.#connection.reactor.defer(() => {
      owner.onConnectionLost(
        new AmbitError('AMBIT_HBONE_ABANDONED', 'the peer gave the tunnel up before the answer', { source: 'peer' }),
      );
    });
  }

  onResponse(): void {
    // Only clients get responses.
  }

  onData(bytes: Buffer, _address: number, start: number, end: number, endStream: boolean): void {
    this.#early ??= new EarlyBytes(this.#connection.reactor.buffers);
    this.#early.add(bytes, start, end, endStream);
  }

  onStreamReset(): void {
    this.#abandon();
  }

  onWritable(): void {
    // Nothing is sent before the answer.
  }

  onConnectionLost(_error: AmbitError): void {
    this.#abandon();
  }

  #abandon(): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#early?.discard(this.#connection, this.#stream);
    const tell = this.onAbandoned;
    this.onAbandoned = undefined;
    tell?.();
  }
}
