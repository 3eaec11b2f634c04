import { AmbitError } from '@ambit/core/errors';
import { ErrorCode, errorCodeName } from '@ambit/http/h2/frames';
import type { Http2Stream } from '@ambit/http/h2/stream';
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from '@ambit/native/epoll';
import { EAGAIN, ECONNRESET } from '@ambit/native/errno';
import { recv, send, SHUT_WR, shutdown, socketError } from '@ambit/native/socket';
import { setResetOnClose } from '@ambit/native/socket-option';
import { lingerAndClose } from '@ambit/reactor/linger';
import type { ReadinessHandler } from '@ambit/reactor/reactor';
import type { HboneConnection, StreamOwner } from './connection.ts';
import { HeldBytes } from './held-bytes.ts';
import { LARGE_READ_BYTES, RELAY_READ_BYTES, SMALL_READ_BYTES } from './limits.ts';
import type { Relay, RelayOutcome } from './tunnel.ts';

/** Edge-triggered: readiness is told once, and read until there is no more. Interest never changes but for `WITH_ROOM`. */
const INTEREST: number = EPOLLIN | EPOLLRDHUP | EPOLLET;
/** From the first time that the application did not take everything. */
const WITH_ROOM: number = INTEREST | EPOLLOUT;
const ENDING: number = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/**
 * Moves bytes between an application's socket and a tunnel's stream, in place: what the application sends is read straight
 * behind a frame header in the connection's output, what the peer sends is written straight from the read buffer.
 * END_STREAM is FIN, a reset is a reset, both ways.
 */
export class TunnelRelay implements ReadinessHandler, StreamOwner, Relay {
  bytesFromApplication = 0;
  bytesToApplication = 0;
  readonly #connection: HboneConnection;
  readonly #stream: Http2Stream<StreamOwner>;
  readonly #fd: number;
  #onEnd: ((outcome: RelayOutcome) => void) | undefined;
  /** The application ended its side. */
  #applicationEnded = false;
  /** The peer wants no more of what the application says. */
  #unwanted = false;
  /** The kernel told of an end or error that has not been read yet. */
  #endComes = false;
  /** Reading waits for room in the tunnel. */
  #blocked = false;
  /** The peer ended its side; FIN follows what is held. */
  #peerEnded = false;
  #finSent = false;
  #watchesRoom = false;
  /** Room worth reading into. */
  #appetite = SMALL_READ_BYTES;
  /** Bytes the application has not taken. */
  #held: HeldBytes | undefined;
  #closed = false;

  /** Takes over `fd`, a connected descriptor, and `stream`. `onEnd` is never called from within. */
  constructor(
    connection: HboneConnection,
    stream: Http2Stream<StreamOwner>,
    fd: number,
    onEnd: (outcome: RelayOutcome) => void,
  ) {
    this.#connection = connection;
    this.#stream = stream;
    this.#fd = fd;
    this.#onEnd = onEnd;
    const { reactor } = connection;
    if (!reactor.ledger.hasDescriptor(fd)) reactor.adopt(fd);
    reactor.defer(() => {
      this.#start();
    });
  }

  onReady(events: number): void {
    if ((events & ENDING) !== 0) this.#endComes = true;
    if ((events & EPOLLOUT) !== 0 && this.#held !== undefined) this.#sendHeld();
    if (!this.#blocked && !this.#applicationEnded && !this.#closed) this.#read();
    // Nothing is read any more, or reading has to wait: a reset by the application must not wait with it.
    else if ((events & EPOLLERR) !== 0) this.#applicationBroke(socketError('recv', -ECONNRESET, 'application'));
  }

  destroy(error: AmbitError): void {
    this.cut(error);
  }

  cut(error: AmbitError): void {
    if (this.#closed) return;
    this.#connection.http.resetStream(this.#stream, ErrorCode.cancel);
    this.#close(error, true);
  }

  onResponse(): void {
    // Answered before the relay began.
  }

  onData(bytes: Buffer, address: number, start: number, end: number, endStream: boolean): void {
    if (this.#closed) {
      this.#connection.delivered(this.#stream, end - start);
      return;
    }
    let at = start;
    if (this.#held === undefined && end > start && !this.#finSent) {
      const sent = send(this.#fd, address + start, end - start);
      if (sent > 0) {
        at += sent;
        this.bytesToApplication += sent;
        this.#connection.delivered(this.#stream, sent);
      } else if (sent !== -EAGAIN) {
        this.#connection.delivered(this.#stream, end - start);
        this.#applicationBroke(socketError('send', sent, 'application'));
        return;
      }
    }
    if (at < end) this.#hold(bytes, at, end);
    if (endStream) this.#endApplication();
  }

  onStreamReset(errorCode: number): void {
    if (this.#closed) return;
    if (errorCode === ErrorCode.noError && this.#peerEnded) {
      // An answer that needed no more of the question (RFC 9113 8.1): the rest is delivered, then both sides are done.
      this.#unwanted = !this.#applicationEnded;
      this.#applicationEnded = true;
      this.#endApplication();
      return;
    }
    // What the peer sent before it reset the tunnel gets a last chance, as with TCP.
    if (this.#held !== undefined) this.#sendHeld();
    this.#close(
      new AmbitError('AMBIT_HBONE_RESET', `the other end reset the tunnel (${errorCodeName(errorCode)})`, {
        source: 'peer',
      }),
      true,
    );
  }

  onWritable(): void {
    if (!this.#blocked || this.#closed) return;
    this.#blocked = false;
    this.#read();
  }

  onConnectionLost(error: AmbitError): void {
    this.#close(error, true);
  }

  #start(): void {
    if (this.#closed) return;
    try {
      // An application that asked for the tunnel often speaks before it stands: its bytes leave in this very turn.
      if (this.#connection.role === 'client') this.#read();
      this.#watch();
    } catch (thrown) {
      // Nothing would ever call it again.
      this.#connection.failStream(this.#stream, thrown);
    }
  }

  #watch(): void {
    if (!this.#closed) this.#connection.reactor.register(this.#fd, this.#watchesRoom ? WITH_ROOM : INTEREST, this);
  }

  /** Reads what the application has sent into frames, until there is no more or the tunnel takes no more. */
  #read(): void {
    const { http, endpoint } = this.#connection;
    const output = endpoint.output;
    while (!this.#applicationEnded) {
      const room = http.reserveData(this.#stream, RELAY_READ_BYTES, this.#appetite);
      if (room <= 0) {
        this.#blocked = true;
        return;
      }
      const count = recv(this.#fd, output.address + http.reservedAt, room);
      if (count > 0) {
        this.bytesFromApplication += count;
        http.commitData(this.#stream, count, false);
        this.#appetite = count === room ? LARGE_READ_BYTES : SMALL_READ_BYTES;
        // A short read has emptied the socket, unless its end stands behind the bytes.
        if (count < room && !this.#endComes) return;
      } else if (count === 0) {
        this.#applicationEnded = true;
        http.endStream(this.#stream);
        this.#closeIfDone();
      } else if (count === -EAGAIN) {
        return;
      } else {
        this.#applicationBroke(socketError('recv', count, 'application'));
        return;
      }
    }
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    this.#held ??= new HeldBytes(this.#connection.reactor.buffers);
    this.#held.add(bytes, start, end);
    this.#connection.held(end - start);
    if (this.#watchesRoom) return;
    this.#watchesRoom = true;
    this.#watch();
  }

  #sendHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    while (held.size > 0) {
      const length = held.length;
      const sent = send(this.#fd, held.address, length);
      if (sent < 0) {
        if (sent !== -EAGAIN) this.#applicationBroke(socketError('send', sent, 'application'));
        return;
      }
      held.consume(sent);
      this.bytesToApplication += sent;
      this.#connection.unheld(this.#stream, sent);
      if (sent < length) return;
    }
    this.#held = undefined;
    if (this.#peerEnded) this.#endApplication();
  }

  /** The peer sends no more: FIN to the application once it has everything. */
  #endApplication(): void {
    this.#peerEnded = true;
    if (this.#held !== undefined || this.#closed) return;
    if (!this.#finSent) {
      this.#finSent = true;
      const result = shutdown(this.#fd, SHUT_WR);
      if (result < 0) return this.#applicationBroke(socketError('shutdown', result, 'application'));
    }
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#applicationEnded && this.#finSent) this.#close(undefined, false);
  }

  /** The application reset its connection, or its socket failed. */
  #applicationBroke(cause: AmbitError): void {
    if (this.#closed) return;
    this.#connection.http.resetStream(this.#stream, ErrorCode.cancel);
    this.#close(
      new AmbitError('AMBIT_APPLICATION_RESET', `the application reset its connection: ${cause.message}`, {
        source: 'application',
        cause,
      }),
      true,
    );
  }

  #close(error: AmbitError | undefined, reset: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    const held = this.#held;
    if (held !== undefined) {
      this.#connection.unheld(this.#stream, held.size);
      held.clear();
      this.#held = undefined;
    }
    if (reset) setResetOnClose(this.#fd);
    // What it still says must not come to an end of its connection by which it loses the answer.
    if (this.#unwanted && !reset) lingerAndClose(this.#connection.reactor, this.#fd);
    else this.#connection.reactor.close(this.#fd);
    this.#stream.owner = undefined;
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.({ bytesFromApplication: this.bytesFromApplication, bytesToApplication: this.bytesToApplication, error });
  }
}
