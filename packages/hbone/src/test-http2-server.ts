import { Http2Connection } from '@ambit/http/h2/connection';
import type { Http2Handler } from '@ambit/http/h2/handler';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { SocketAddress } from '@ambit/core/address';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { setNoDelay } from '@ambit/native/socket-option';
import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';
import { Listener } from '@ambit/reactor/listener';
import type { Reactor } from '@ambit/reactor/reactor';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';

/** A plain HTTP/2 server on the loop, for tests: answers every request with a short text, when the request is complete. */
export function serveHttp2(reactor: Reactor, maxFrameSize?: number): SocketAddress {
  const fd = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
  reactor.adopt(fd);
  const address = localAddress(fd);
  new Listener(reactor, fd, {
    onAccept: (connection) => {
      setNoDelay(connection);
      new PlainConnection(reactor, connection, maxFrameSize);
    },
  });
  return address;
}

const TEXT = Buffer.from('hello, world\n');

class PlainConnection implements ByteEndpointHandler, Http2Handler<number> {
  readonly #endpoint: TcpEndpoint;
  readonly #http: Http2Connection<number>;

  constructor(reactor: Reactor, fd: number, maxFrameSize: number | undefined) {
    this.#endpoint = new TcpEndpoint(reactor, fd, this);
    this.#http = new Http2Connection<number>(this.#endpoint.output, this, reactor, {
      role: 'server',
      ...(maxFrameSize === undefined ? {} : { maxFrameSize }),
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

  onHeaders(stream: Http2Stream<number>, fields: FieldList, endStream: boolean): void {
    if (fieldValue(fields, ':method') === 'HEAD') this.#http.respond(stream, [':status', '200'], true);
    else if (endStream) this.#answer(stream);
  }

  onTrailers(stream: Http2Stream<number>): void {
    this.#answer(stream);
  }

  onData(stream: Http2Stream<number>, _bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#http.release(stream, end - start);
    if (endStream) this.#answer(stream);
  }

  onWritable(stream: Http2Stream<number>): void {
    const sent = stream.owner ?? 0;
    stream.owner = sent + this.#http.sendData(stream, TEXT, sent, TEXT.length, true);
  }

  onError(): void {
    this.#endpoint.end();
  }

  onInformational(): void {
    // A server gets none.
  }

  onReset(): void {
    // Nothing is kept for a stream.
  }

  onStreamClosed(): void {
    // Nothing is kept for a stream.
  }

  onSettings(): void {
    // The engine follows them.
  }

  onGoAway(): void {
    // The client closes when it is done.
  }

  onPong(): void {
    // Nothing is asked.
  }

  onDrained(): void {
    this.#endpoint.end();
  }

  #answer(stream: Http2Stream<number>): void {
    this.#http.respond(stream, [':status', '200', 'content-length', String(TEXT.length)], false);
    this.onWritable(stream);
  }
}
