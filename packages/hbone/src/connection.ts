import type { SocketAddress } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { SpiffeId } from '@ambit/core/spiffe';
import { Http2Connection } from '@ambit/http/h2/connection';
import type { Http2Options, Http2Role } from '@ambit/http/h2/connection-options';
import type { Http2ConnectionError } from '@ambit/http/h2/errors';
import { ErrorCode } from '@ambit/http/h2/frames';
import type { Http2Handler } from '@ambit/http/h2/handler';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { TlsContext } from '@ambit/native/tls-context';
import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { TlsEndpoint } from '@ambit/reactor/tls-endpoint';
import { principalOf } from './identity.ts';
import {
  CLOSE_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  HELD_BYTES_CREDITED,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
} from './limits.ts';
import type { TunnelPeer } from './tunnel.ts';

const HTTP2_OPTIONS: Readonly<Record<Http2Role, Http2Options>> = {
  client: { role: 'client' },
  server: { role: 'server' },
};

/** What hangs on a stream: a tunnel before its answer, the relay after it. What it throws ends its stream alone. */
export interface StreamOwner {
  /** Client: the final response head. */
  onResponse(fields: FieldList, endStream: boolean): void;
  /** Content `bytes[start, end)`, at `address + start` for native calls; to be given back through `delivered`, or `held` and `unheld`. */
  onData(bytes: Buffer, address: number, start: number, end: number, endStream: boolean): void;
  /** The stream is over. */
  onStreamReset(errorCode: number): void;
  onWritable(): void;
  /** The connection is over, and the stream with it. */
  onConnectionLost(error: AmbitError): void;
}

export interface ConnectionTimes {
  /** Milliseconds of silence before a PING. Default `PING_INTERVAL_MS`. */
  readonly pingIntervalMs?: number;
  /** Milliseconds of silence after a PING that end the connection. Default `PING_TIMEOUT_MS`. */
  readonly pingTimeoutMs?: number;
  /** Milliseconds for the TLS handshake. Default `HANDSHAKE_TIMEOUT_MS`. */
  readonly handshakeTimeoutMs?: number;
  /** Milliseconds for the last frames of a connection that ends. Default `CLOSE_TIMEOUT_MS`. */
  readonly closeTimeoutMs?: number;
}

/**
 * One HBONE connection, either side: HTTP/2 over mutual TLS over a descriptor. Judges the peer's identity before the first
 * frame, asks for signs of life, and tells every stream when it ends.
 */
export abstract class HboneConnection implements ByteEndpointHandler, Http2Handler<StreamOwner> {
  readonly reactor: Reactor;
  readonly address: SocketAddress;
  readonly http: Http2Connection<StreamOwner>;
  readonly endpoint: TlsEndpoint;
  readonly role: Http2Role;
  /** Milliseconds of the loop when the connection was begun. */
  readonly begunAt: number;
  readonly #times: ConnectionTimes;
  #peer: TunnelPeer | undefined;
  /** Native address of the bytes that are being read. */
  #inputAddress = 0;
  /** Bytes that wait for slow applications. */
  #held = 0;
  /** Those of all bytes that waited whose share of the connection's window was not given back yet. */
  #unpaid = 0;
  #pingTimer: ReactorTimer | undefined;
  #closeTimer: ReactorTimer | undefined;
  #pingedAt = -1;
  #bytesAtPing = 0;
  #draining = false;
  #over = false;

  /** Takes a connected, adopted descriptor. Throws `AMBIT_TLS_CONTEXT`, `AMBIT_TLS_SESSION`; the descriptor is the caller's then. */
  protected constructor(
    reactor: Reactor,
    fd: number,
    context: TlsContext,
    role: Http2Role,
    address: SocketAddress,
    times: ConnectionTimes,
  ) {
    this.reactor = reactor;
    this.address = address;
    this.role = role;
    this.begunAt = reactor.now;
    this.#times = times;
    this.endpoint = new TlsEndpoint(reactor, fd, context, this, {
      handshakeTimeoutMs: times.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    });
    this.http = new Http2Connection<StreamOwner>(this.endpoint.output, this, reactor, HTTP2_OPTIONS[role]);
  }

  /** The peer's identity, or why the connection is not wanted. */
  protected abstract judgePeer(): SpiffeId | AmbitError;
  /** TLS and identity are settled; frames may be written. */
  protected abstract onReady(peer: TunnelPeer): void;
  /** The connection is over; called once, after its streams were told. */
  protected abstract onOver(error: AmbitError | undefined): void;

  /** Undefined until the handshake is done and the identity accepted. */
  get peer(): TunnelPeer | undefined {
    return this.#peer;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Streams that are open. */
  get load(): number {
    return this.http.streams.size;
  }

  /** Takes no new streams, lets the open ones end, then closes. During the handshake: as soon as it is done. Idempotent. */
  drain(): void {
    if (this.#over) return;
    this.#draining = true;
    if (this.#peer !== undefined) this.http.drain();
  }

  /** Ends everything now; a drained connection without streams does so in order, as far as the kernel takes its last words. Idempotent. */
  destroy(error?: AmbitError): void {
    if (this.#draining && this.#peer !== undefined && !this.#over && this.load === 0) {
      // Without its GOAWAY the peer could not know that what it asked for last was not processed.
      this.http.close(ErrorCode.noError);
      this.endpoint.flush();
      this.endpoint.end();
    }
    this.endpoint.destroy(error, error !== undefined);
  }

  /** `size` received bytes have left for the application. */
  delivered(stream: Http2Stream<StreamOwner>, size: number): void {
    this.http.release(stream, size);
  }

  /** `size` received bytes wait for their application. */
  held(size: number): void {
    this.#held += size;
    this.#unpaid += size;
    this.#payWindow();
  }

  /** `size` bytes that waited have left, or their tunnel is over. */
  unheld(stream: Http2Stream<StreamOwner>, size: number): void {
    this.#held -= size;
    this.http.releaseStream(stream, size);
    this.#payWindow();
  }

  onOpen(): void {
    const identity = this.judgePeer();
    if (identity instanceof AmbitError) {
      this.endpoint.destroy(identity, true);
      return;
    }
    const peer: TunnelPeer = { identity, principal: principalOf(identity), address: this.address };
    this.#peer = peer;
    this.http.start();
    this.#awaitSilence();
    this.onReady(peer);
    if (this.#draining) this.http.drain();
  }

  onBytes(bytes: Buffer, address: number, start: number, end: number): void {
    this.#inputAddress = address;
    this.http.receive(bytes, start, end);
  }

  onEnd(): void {
    this.#finish();
  }

  onRoom(): void {
    this.http.outputDrained();
  }

  onClose(error: AmbitError | undefined): void {
    this.#closeTimer?.cancel();
    this.#end(error);
  }

  onError(error: Http2ConnectionError): void {
    // The GOAWAY that says why still has to leave.
    this.#end(error);
    this.#finish();
  }

  onDrained(): void {
    this.#finish();
  }

  onPong(): void {
    this.#pingedAt = -1;
  }

  abstract onHeaders(stream: Http2Stream<StreamOwner>, fields: FieldList, endStream: boolean): void;
  abstract onSettings(): void;
  abstract onGoAway(lastStreamId: number, errorCode: number, debug: string): void;
  abstract onStreamClosed(stream: Http2Stream<StreamOwner>): void;

  onInformational(): void {
    // Interim responses mean nothing to a tunnel.
  }

  onTrailers(stream: Http2Stream<StreamOwner>): void {
    // A tunnel carries bytes only; trailers are no more than its end (RFC 9113 8.5).
    try {
      stream.owner?.onData(NOTHING, 0, 0, 0, true);
    } catch (thrown) {
      this.failStream(stream, thrown);
    }
  }

  onData(stream: Http2Stream<StreamOwner>, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const owner = stream.owner;
    if (owner === undefined) {
      this.http.release(stream, end - start);
      return;
    }
    try {
      owner.onData(bytes, this.#inputAddress, start, end, endStream);
    } catch (thrown) {
      this.failStream(stream, thrown);
    }
  }

  onReset(stream: Http2Stream<StreamOwner>, errorCode: number): void {
    try {
      stream.owner?.onStreamReset(errorCode);
    } catch (thrown) {
      this.failStream(stream, thrown);
    }
  }

  onWritable(stream: Http2Stream<StreamOwner>): void {
    try {
      stream.owner?.onWritable();
    } catch (thrown) {
      this.failStream(stream, thrown);
    }
  }

  /** The owner of a stream threw: that stream fails, not its neighbours on the connection. */
  failStream(stream: Http2Stream<StreamOwner>, thrown: unknown): void {
    this.reactor.report(thrown);
    const { owner } = stream;
    stream.owner = undefined;
    this.http.resetStream(stream, ErrorCode.internalError);
    const message = `the tunnel failed here: ${messageOf(thrown)}`;
    this.#tellLost(owner, new AmbitError('AMBIT_HBONE_INTERNAL', message, { cause: thrown }));
  }

  /** Gives the connection's window back for all but the waiting bytes beyond `HELD_BYTES_CREDITED`. */
  #payWindow(): void {
    const due = this.#unpaid - Math.max(0, this.#held - HELD_BYTES_CREDITED);
    if (due <= 0) return;
    this.#unpaid -= due;
    this.http.releaseConnection(due);
  }

  #awaitSilence(): void {
    this.#bytesAtPing = this.endpoint.bytesReceived;
    this.#pingTimer = this.reactor.after(this.#times.pingIntervalMs ?? PING_INTERVAL_MS, () => {
      this.#checkLife();
    });
  }

  /** Bytes of any kind are a sign of life; only silence is asked about. */
  #checkLife(): void {
    const now = this.reactor.now;
    if (this.endpoint.bytesReceived !== this.#bytesAtPing) {
      this.#pingedAt = -1;
    } else if (this.#pingedAt < 0) {
      this.#pingedAt = now;
      this.http.ping();
    } else if (now - this.#pingedAt >= (this.#times.pingTimeoutMs ?? PING_TIMEOUT_MS)) {
      this.#giveUp();
      return;
    }
    this.#awaitSilence();
  }

  /** Sends what is written and closes; not for ever, should the peer have stopped reading. */
  #finish(): void {
    this.#closeTimer ??= this.reactor.after(this.#times.closeTimeoutMs ?? CLOSE_TIMEOUT_MS, () => {
      this.endpoint.destroy(undefined, true);
    });
    this.endpoint.end();
  }

  #giveUp(): void {
    const silence = Math.round(this.reactor.now - this.#pingedAt);
    const error = new AmbitError(
      'AMBIT_HBONE_PING_TIMEOUT',
      `the peer did not answer a PING within ${silence} ms: it is gone or cut off`,
      {
        source: 'peer',
      },
    );
    this.http.close(ErrorCode.noError, error.message);
    this.endpoint.flush();
    this.endpoint.destroy(error, true);
  }

  #end(error: AmbitError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#pingTimer?.cancel();
    this.http.abort();
    if (this.load > 0) {
      const lost =
        error ??
        new AmbitError('AMBIT_HBONE_CLOSED', 'the peer closed the tunnel connection', {
          source: 'peer',
          retryable: true,
        });
      for (const stream of this.http.streams.values()) this.#tellLost(stream.owner, lost);
    }
    this.onOver(error);
  }

  #tellLost(owner: StreamOwner | undefined, error: AmbitError): void {
    try {
      owner?.onConnectionLost(error);
    } catch (thrown) {
      this.reactor.report(thrown);
    }
  }
}

const NOTHING = Buffer.alloc(0);
