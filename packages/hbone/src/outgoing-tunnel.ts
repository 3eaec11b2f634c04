import { AmbitError } from '@ambit/core/errors';
import { ErrorCode, errorCodeName } from '@ambit/http/h2/frames';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { ClientConnection } from './client-connection.ts';
import type { StreamOwner } from './connection.ts';
import { EarlyBytes } from './early-bytes.ts';
import { ANSWER_TIMEOUT_MS } from './limits.ts';
import { TunnelRelay } from './relay.ts';
import { TunnelEndpoint } from './tunnel-endpoint.ts';
import type { OpenTunnel, PendingTunnel, Relay, RelayOutcome, TunnelHandler, TunnelPeer } from './tunnel.ts';

/** Who finds a connection for a tunnel. */
export interface TunnelQueue {
  /** The peer did not process the CONNECT; it may be asked again on a fresh connection. */
  retry(tunnel: ClientTunnel, error: AmbitError): void;
  /** The application gave up while the tunnel waited for a connection. */
  withdraw(tunnel: ClientTunnel): void;
}

/** A CONNECT of ours: waiting for a connection, asked, answered, and then a relay's or nobody's. */
export class ClientTunnel implements PendingTunnel, OpenTunnel, StreamOwner {
  readonly fields: FieldList;
  /** Was asked once and not processed; goes only to a fresh connection, and not a third time. */
  retried = false;
  readonly #queue: TunnelQueue;
  #handler: TunnelHandler | undefined;
  #connection: ClientConnection | undefined;
  #stream: Http2Stream<StreamOwner> | undefined;
  #timer: ReactorTimer | undefined;
  #early: EarlyBytes | undefined;
  #answered = false;

  constructor(queue: TunnelQueue, fields: FieldList, handler: TunnelHandler) {
    this.#queue = queue;
    this.fields = fields;
    this.#handler = handler;
  }

  get peer(): TunnelPeer {
    const peer = this.#connection?.peer;
    if (peer === undefined) throw new AmbitError('AMBIT_HBONE_NOT_OPEN', 'the tunnel has no peer yet');
    return peer;
  }

  /** Nobody waits for it any more. */
  get over(): boolean {
    return this.#handler === undefined;
  }

  /** Sends the CONNECT; false when the connection has no slot. */
  ask(connection: ClientConnection): boolean {
    const stream = connection.ask(this.fields, this);
    if (stream === undefined) return false;
    this.#connection = connection;
    this.#stream = stream;
    this.#timer = connection.reactor.after(ANSWER_TIMEOUT_MS, () => {
      this.#reset();
      this.fail(
        new AmbitError('AMBIT_HBONE_NO_ANSWER', `the peer did not answer a CONNECT within ${ANSWER_TIMEOUT_MS} ms`, {
          source: 'peer',
        }),
      );
    });
    return true;
  }

  /** Tells the handler that there will be no tunnel, once. */
  fail(error: AmbitError): void {
    this.#take()?.onFailed(error);
  }

  /** Takes a CONNECT back that was not answered and tells the handler why; once there is an answer, nothing happens. */
  giveUp(error: AmbitError): void {
    const handler = this.#take();
    if (handler === undefined) return;
    this.#reset();
    handler.onFailed(error);
  }

  cancel(): void {
    if (this.#take() === undefined) return;
    if (this.#stream === undefined) this.#queue.withdraw(this);
    else this.#reset();
  }

  relay(applicationFd: number, onEnd: (outcome: RelayOutcome) => void): Relay {
    const { connection, stream } = this.#parts();
    return this.#use(connection, stream, new TunnelRelay(connection, stream, applicationFd, onEnd));
  }

  endpoint(handler: ByteEndpointHandler): DuplexEndpoint {
    const { connection, stream } = this.#parts();
    return this.#use(connection, stream, new TunnelEndpoint(connection, stream, handler));
  }

  abandon(): void {
    this.#reset();
  }

  onResponse(fields: FieldList, endStream: boolean): void {
    const handler = this.#take();
    if (handler === undefined) return;
    this.#answered = true;
    // A response's only pseudo-header is :status, and it stands first (RFC 9113 8.3.2).
    const status = Number(fields[1]);
    const rest = fields.slice(2);
    if (status >= 200 && status < 300) {
      if (endStream) this.onData(NOTHING, 0, 0, 0, true);
      handler.onAccepted(this, rest);
      return;
    }
    this.#reset();
    handler.onRefused(status, rest);
  }

  onData(bytes: Buffer, _address: number, start: number, end: number, endStream: boolean): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#early ??= new EarlyBytes(connection.reactor.buffers);
    this.#early.add(bytes, start, end, endStream);
  }

  onStreamReset(errorCode: number): void {
    if (this.#answered) return;
    const refused = errorCode === ErrorCode.refusedStream;
    const error = new AmbitError(
      refused ? 'AMBIT_HBONE_REFUSED' : 'AMBIT_HBONE_RESET',
      `the peer ${refused ? 'did not take' : 'reset'} the tunnel before an answer (${errorCodeName(errorCode)})`,
      { source: 'peer', retryable: refused },
    );
    if (refused) this.#again(error);
    else this.fail(error);
  }

  onWritable(): void {
    // Nothing is sent before the answer.
  }

  onConnectionLost(error: AmbitError): void {
    if (this.#answered) return;
    this.#again(
      new AmbitError('AMBIT_HBONE_LOST', `the tunnel connection ended before an answer: ${error.message}`, {
        source: error.source,
        retryable: true,
        cause: error,
      }),
    );
  }

  /** The peer processed nothing of it, as far as can be known, and no byte of the application was sent. */
  #again(error: AmbitError): void {
    if (this.over) return;
    this.#timer?.cancel();
    this.#connection = undefined;
    this.#stream = undefined;
    this.#queue.retry(this, error);
  }

  #parts(): { connection: ClientConnection; stream: Http2Stream<StreamOwner> } {
    const connection = this.#connection;
    const stream = this.#stream;
    if (connection === undefined || stream === undefined)
      throw new AmbitError('AMBIT_HBONE_NOT_OPEN', 'the tunnel is not open');
    return { connection, stream };
  }

  #use<Owner extends StreamOwner>(connection: ClientConnection, stream: Http2Stream<StreamOwner>, owner: Owner): Owner {
    // The tunnel may have been lost between its answer and this call.
    if (stream.closed || connection.over) {
      this.#early?.discard(connection, stream);
      connection.reactor.defer(() => {
        owner.onConnectionLost(
          new AmbitError('AMBIT_HBONE_RESET', 'the other end closed the tunnel at once', { source: 'peer' }),
        );
      });
      return owner;
    }
    stream.owner = owner;
    this.#early?.replay(owner);
    this.#early = undefined;
    return owner;
  }

  #reset(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#connection === undefined) return;
    stream.owner = undefined;
    this.#early?.discard(this.#connection, stream);
    this.#connection.http.resetStream(stream, ErrorCode.cancel);
  }

  #take(): TunnelHandler | undefined {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#timer?.cancel();
    return handler;
  }
}

const NOTHING = Buffer.alloc(0);
