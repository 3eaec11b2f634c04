import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { Http2Connection } from '@ambit/http/h2/connection';
import { errorCodeName } from '@ambit/http/h2/frames';
import type { Http2Handler } from '@ambit/http/h2/handler';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { CALL, CALL_PATH, tokenField } from '../grpc-exchange.ts';
import { AUTHORITY } from '../http-exchange.ts';
import { monotonicNow } from '../monotonic.ts';

export interface HoldStreamsOptions {
  readonly target: SocketAddress;
  readonly connections: number;
  /** On each connection. */
  readonly streams: number;
  /** Bearer token of the calls. */
  readonly token: string | undefined;
}

/** How long opening all of them may take. */
const OPENING_MS = 60_000;
const TURN_MS = 50;
/** Connections whose calls are being begun: a burst of all would meet the limit of requests that wait for an endpoint. */
const PARALLEL = 4;

/** A call that has no deadline. */
const HEAD = [
  ...[':method', 'POST', ':scheme', 'http', ':path', CALL_PATH],
  ...[':authority', AUTHORITY, 'content-type', 'application/grpc', 'te', 'trailers'],
];

/**
 * Begins calls that never end: each has sent one message, and the server waits for the end before it answers. Returns when
 * the other end has taken all of them. Throws when a connection ends.
 */
export function holdStreams(reactor: Reactor, { target, connections, streams, token }: HoldStreamsOptions): void {
  const head = [...HEAD, ...tokenField(token)];
  let taken = 0;
  let failure: AmbitError | undefined;
  const fail = (error: AmbitError): void => {
    // The first says why; others follow from it.
    failure ??= error;
  };
  let begun = 0;
  const deadline = monotonicNow() + OPENING_MS;
  while (taken < connections) {
    if (failure !== undefined) throw failure;
    if (monotonicNow() > deadline) throw new AmbitError('AMBIT_BENCH_HOLD', `${taken} connections were served in time`);
    while (begun < connections && begun - taken < PARALLEL) {
      begun += 1;
      connectTcp(
        reactor,
        { destination: target },
        {
          onConnected: (fd) =>
            new HeldCalls(reactor, fd, { head, streams }, { onTaken: () => (taken += 1), onFailure: fail }),
          onConnectFailed: fail,
        },
      );
    }
    reactor.runTurn(TURN_MS);
  }
}

interface HeldEvents {
  readonly onTaken: () => void;
  readonly onFailure: (error: AmbitError) => void;
}

class HeldCalls implements ByteEndpointHandler, Http2Handler<undefined> {
  readonly #http: Http2Connection<undefined>;
  readonly #endpoint: TcpEndpoint;
  readonly #head: FieldList;
  readonly #streams: number;
  readonly #events: HeldEvents;
  #begun = false;

  constructor(
    reactor: Reactor,
    fd: number,
    { head, streams }: { readonly head: FieldList; readonly streams: number },
    events: HeldEvents,
  ) {
    this.#head = head;
    this.#streams = streams;
    this.#events = events;
    this.#endpoint = new TcpEndpoint(reactor, fd, this);
    this.#http = new Http2Connection<undefined>(this.#endpoint.output, this, reactor, { role: 'client' });
  }

  onOpen(): void {
    this.#http.start();
  }

  /** The peer is there. What it answers to the PING it answers behind the calls. */
  onSettings(): void {
    if (this.#begun) return;
    this.#begun = true;
    for (let count = 0; count < this.#streams; count++) {
      const stream = this.#http.request(this.#head, false, undefined);
      if (stream === undefined || this.#http.sendData(stream, CALL, 0, CALL.length, false) !== CALL.length) {
        this.#fail('a call cannot be begun');
        return;
      }
    }
    this.#http.ping();
  }

  onPong(): void {
    this.#events.onTaken();
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.#http.receive(bytes, start, end);
  }

  onRoom(): void {
    this.#http.outputDrained();
  }

  onEnd(): void {
    this.#endpoint.destroy();
  }

  onClose(): void {
    this.#http.abort();
    this.#fail('a connection was closed');
  }

  onHeaders(_stream: Http2Stream<undefined>, fields: FieldList): void {
    this.#fail(`a call was answered before its end: ${fields.join(' ')}`);
  }

  onReset(_stream: Http2Stream<undefined>, errorCode: number): void {
    this.#fail(`a call was reset (${errorCodeName(errorCode)})`);
  }

  onGoAway(): void {
    this.#fail('a connection was refused');
  }

  onError(): void {
    this.#endpoint.destroy();
  }

  onData(): void {
    // Behind an answer, which has failed.
  }

  onTrailers(): void {
    // As above.
  }

  onInformational(): void {
    // Nothing waits for interim answers.
  }

  onStreamClosed(): void {
    // Told by what closed it.
  }

  onWritable(): void {
    // A message is small and goes out whole.
  }

  onDrained(): void {
    // Nothing is drained.
  }

  #fail(message: string): void {
    this.#events.onFailure(new AmbitError('AMBIT_BENCH_HOLD', message));
  }
}
