import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { recv, send } from '@ambit/native/socket';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { AnswerReader, keptRequest } from '../http-exchange.ts';
import { monotonicNow } from '../monotonic.ts';

export interface HoldOptions {
  readonly target: SocketAddress;
  readonly connections: number;
  /** Bearer token of the requests. */
  readonly token: string | undefined;
}

/** Connections that may be opening at once. */
const PARALLEL = 32;
/** How long opening all of them may take. */
const OPENING_MS = 30_000;
const TURN_MS = 50;

/** Opens connections, sends one request on each, and leaves them open. Throws when one does not answer. */
export function holdConnections(reactor: Reactor, options: HoldOptions): void {
  const request = keptRequest(options.token);
  let asked = 0;
  let answered = 0;
  let failure: AmbitError | undefined;
  const fail = (error: AmbitError): void => {
    failure = error;
  };
  const deadline = monotonicNow() + OPENING_MS;
  while (answered < options.connections) {
    if (failure !== undefined) throw failure;
    if (monotonicNow() > deadline) throw new AmbitError('AMBIT_BENCH_HOLD', `${answered} connections answered in time`);
    while (asked < options.connections && asked - answered < PARALLEL) {
      asked += 1;
      connectTcp(
        reactor,
        { destination: options.target },
        {
          onConnected: (fd) => {
            send(fd, request.address, request.bytes.length);
            reactor.register(fd, EPOLLIN, new Answer(reactor, fd, () => (answered += 1), fail));
          },
          onConnectFailed: fail,
        },
      );
    }
    reactor.runTurn(TURN_MS);
  }
}

class Answer implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #onAnswer: () => void;
  readonly #onFailure: (error: AmbitError) => void;
  readonly #answer = new AnswerReader();

  constructor(reactor: Reactor, fd: number, onAnswer: () => void, onFailure: (error: AmbitError) => void) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#onAnswer = onAnswer;
    this.#onFailure = onFailure;
  }

  onReady(): void {
    const count = recv(this.#fd, this.#reactor.scratch.address, READ_BUFFER_BYTES);
    if (count === -EAGAIN) return;
    if (count <= 0) {
      this.destroy(new AmbitError('AMBIT_BENCH_HOLD', 'a connection was closed instead of answered'));
      return;
    }
    const progress = this.#answer.take(this.#reactor.scratch.bytes, 0, count);
    if (progress === 'complete') this.#onAnswer();
    else if (progress === 'bad') this.destroy(new AmbitError('AMBIT_BENCH_HOLD', 'a connection got another answer'));
  }

  destroy(error: AmbitError): void {
    this.#reactor.close(this.#fd);
    this.#onFailure(error);
  }
}
