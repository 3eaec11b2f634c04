import { Http2Connection } from '@ambit/http/h2/connection';
import type { Http2Handler } from '@ambit/http/h2/handler';
import type { Http2Stream } from '@ambit/http/h2/stream';
import { setNoDelay } from '@ambit/native/socket-option';
import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';
import { Listener } from '@ambit/reactor/listener';
import type { Reactor } from '@ambit/reactor/reactor';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { ANSWER_HEAD, ANSWER_TRAILERS, answerOf } from '../grpc-exchange.ts';

/** Calls at once on a connection: as many as Envoy begins on one before it knows how many it may. */
const STREAMS = 1024;

/** Answers every call with the same message, made of `fill`, and status 0, on HTTP/2 with prior knowledge. */
export function serveGrpc(reactor: Reactor, listener: number, fill: string): Listener {
  const message = answerOf(fill);
  return new Listener(reactor, listener, {
    onAccept: (fd) => {
      setNoDelay(fd);
      new CallConnection(reactor, fd, message);
    },
  });
}

class CallConnection implements ByteEndpointHandler, Http2Handler<undefined> {
  readonly #message: Buffer;
  readonly #endpoint: TcpEndpoint;
  readonly #http: Http2Connection<undefined>;

  constructor(reactor: Reactor, fd: number, message: Buffer) {
    this.#message = message;
    this.#endpoint = new TcpEndpoint(reactor, fd, this);
    this.#http = new Http2Connection<undefined>(this.#endpoint.output, this, reactor, {
      role: 'server',
      maxConcurrentStreams: STREAMS,
    });
  }

  onOpen(): void {
    this.#http.start();
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.#http.receive(bytes, start, end);
  }

  onEnd(): void {
    this.#endpoint.end();
  }

  onRoom(): void {
    this.#http.outputDrained();
  }

  onClose(): void {
    this.#http.abort();
  }

  onHeaders(stream: Http2Stream<undefined>, _fields: unknown, endStream: boolean): void {
    if (endStream) this.#answer(stream);
  }

  onData(stream: Http2Stream<undefined>, _bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#http.release(stream, end - start);
    if (endStream) this.#answer(stream);
  }

  onTrailers(stream: Http2Stream<undefined>): void {
    this.#answer(stream);
  }

  /** When the output is full the message is cut short, and the generator counts the call as failed. */
  #answer(stream: Http2Stream<undefined>): void {
    this.#http.respond(stream, ANSWER_HEAD, false);
    this.#http.sendData(stream, this.#message, 0, this.#message.length, false);
    this.#http.sendTrailers(stream, ANSWER_TRAILERS);
  }

  onError(): void {
    this.#endpoint.end();
  }

  onInformational(): void {
    // Clients send none.
  }

  onReset(): void {
    // The call was answered, or nobody waits for it.
  }

  onStreamClosed(): void {
    // Nothing hangs on a stream.
  }

  onWritable(): void {
    // An answer goes out whole or not at all.
  }

  onSettings(): void {
    // Nothing depends on them.
  }

  onGoAway(): void {
    // The client ends the connection itself.
  }

  onPong(): void {
    // No PING is sent.
  }

  onDrained(): void {
    // Nothing is drained.
  }
}
