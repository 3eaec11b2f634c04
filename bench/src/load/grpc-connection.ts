import { AmbitError } from '@ambit/core/errors';
import { Http2Connection } from '@ambit/http/h2/connection';
import type { Http2ConnectionError } from '@ambit/http/h2/errors';
import type { Http2Handler } from '@ambit/http/h2/handler';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import { setNoDelay } from '@ambit/native/socket-option';
import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { ANSWER_BYTES, CALL, callHead, tokenField } from '../grpc-exchange.ts';
import type { ConnectionOpener, RequestSlot, SlotEvents } from './request-load.ts';

/** HTTP/2 with prior knowledge: unary calls side by side, with a bearer token or without. */
export function grpcOpener(token: string | undefined): ConnectionOpener {
  const field = tokenField(token);
  return (reactor, { streams, target }, events) => {
    connectTcp(
      reactor,
      { destination: target },
      {
        onConnected: (fd) => new GrpcConnection(reactor, fd, { slots: streams, token: field }, events),
        onConnectFailed: (error) => events.connectFailed(error),
      },
    );
  };
}

class GrpcConnection implements ByteEndpointHandler, Http2Handler<GrpcSlot> {
  readonly http: Http2Connection<GrpcSlot>;
  readonly #endpoint: TcpEndpoint;
  readonly #slots: readonly GrpcSlot[];
  readonly #token: FieldList;
  readonly #events: SlotEvents;
  #opened = false;
  #sequence = 0;

  constructor(
    reactor: Reactor,
    fd: number,
    { slots, token }: { readonly slots: number; readonly token: FieldList },
    events: SlotEvents,
  ) {
    setNoDelay(fd);
    this.#token = token;
    this.#events = events;
    this.#endpoint = new TcpEndpoint(reactor, fd, this);
    this.http = new Http2Connection<GrpcSlot>(this.#endpoint.output, this, reactor, { role: 'client' });
    this.#slots = Array.from({ length: slots }, () => new GrpcSlot(this, events));
  }

  call(slot: GrpcSlot): void {
    this.#sequence += 1;
    const stream = this.http.request(callHead(this.#sequence, this.#token), false, slot);
    const taken = stream === undefined ? 0 : this.http.sendData(stream, CALL, 0, CALL.length, true);
    if (taken !== CALL.length) this.#events.failed();
  }

  onOpen(): void {
    this.http.start();
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.http.receive(bytes, start, end);
  }

  onEnd(): void {
    this.#endpoint.destroy();
  }

  onRoom(): void {
    this.http.outputDrained();
  }

  onClose(): void {
    this.http.abort();
    if (!this.#opened) {
      this.#events.connectFailed(new AmbitError('AMBIT_BENCH_CONNECT', 'the HTTP/2 connection was closed at once'));
    }
    for (const slot of this.#slots) slot.close();
  }

  /** The peer is there: calls may begin. */
  onSettings(): void {
    if (this.#opened) return;
    this.#opened = true;
    for (const slot of this.#slots) this.#events.opened(slot);
  }

  onHeaders(stream: Http2Stream<GrpcSlot>, fields: FieldList, endStream: boolean): void {
    // Trailers alone are an error, whatever they say: a message is missing.
    if (fieldValue(fields, ':status') !== '200' || endStream) stream.owner?.fail();
  }

  onData(stream: Http2Stream<GrpcSlot>, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.http.release(stream, end - start);
    stream.owner?.received(end - start, bytes[end - 1] ?? 0, endStream);
  }

  onTrailers(stream: Http2Stream<GrpcSlot>, fields: FieldList): void {
    stream.owner?.finish(fieldValue(fields, 'grpc-status') === '0');
  }

  onReset(stream: Http2Stream<GrpcSlot>): void {
    stream.owner?.fail();
  }

  onGoAway(): void {
    this.#endpoint.destroy();
  }

  onError(_error: Http2ConnectionError): void {
    this.#endpoint.destroy();
  }

  onInformational(): void {
    // Nothing waits for interim answers.
  }

  onStreamClosed(): void {
    // The slot was told by what closed it.
  }

  onWritable(): void {
    // A call is small and goes out whole, or has failed.
  }

  onPong(): void {
    // No PING is sent.
  }

  onDrained(): void {
    // Nothing is drained.
  }
}

class GrpcSlot implements RequestSlot {
  readonly #connection: GrpcConnection;
  readonly #events: SlotEvents;
  #intended = 0;
  #busy = false;
  #received = 0;
  #fill = 0;

  constructor(connection: GrpcConnection, events: SlotEvents) {
    this.#connection = connection;
    this.#events = events;
  }

  begin(intended: number): void {
    this.#intended = intended;
    this.#busy = true;
    this.#received = 0;
    this.#connection.call(this);
  }

  received(size: number, fill: number, endStream: boolean): void {
    this.#received += size;
    this.#fill = fill;
    // An answer ends in trailers.
    if (endStream) this.fail();
  }

  finish(good: boolean): void {
    if (!this.#busy) return;
    if (!good || this.#received !== ANSWER_BYTES) {
      this.fail();
      return;
    }
    this.#busy = false;
    this.#events.completed(this, this.#intended, this.#fill);
  }

  /** The call failed; the window is refused, so the slot is not used again. */
  fail(): void {
    if (!this.#busy) return;
    this.#busy = false;
    this.#events.lost(true);
  }

  close(): void {
    if (this.#busy) this.fail();
    else this.#events.lost(false);
  }
}
