import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import type { Memory } from '@ambit/native/memory';
import { recv, send } from '@ambit/native/socket';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { AnswerReader, keptRequest } from '../http-exchange.ts';
import type { ConnectionOpener, RequestSlot, SlotEvents } from './request-load.ts';

/** HTTP/1.1: one request at a time, with a bearer token or without. */
export function http1Opener(token: string | undefined): ConnectionOpener {
  const request = keptRequest(token);
  return (reactor, { target }, events) => {
    connectTcp(
      reactor,
      { destination: target },
      {
        onConnected: (fd) => events.opened(new Http1Slot(reactor, fd, request, events)),
        onConnectFailed: (error) => events.connectFailed(error),
      },
    );
  };
}

class Http1Slot implements RequestSlot, ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #request: Memory;
  readonly #events: SlotEvents;
  readonly #answer = new AnswerReader();
  #intended = 0;
  #busy = false;

  constructor(reactor: Reactor, fd: number, request: Memory, events: SlotEvents) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#request = request;
    this.#events = events;
    reactor.register(fd, EPOLLIN, this);
  }

  begin(intended: number): void {
    this.#intended = intended;
    this.#busy = true;
    const { address, bytes } = this.#request;
    if (send(this.#fd, address, bytes.length) !== bytes.length) this.#events.failed();
  }

  onReady(): void {
    const { scratch } = this.#reactor;
    const count = recv(this.#fd, scratch.address, READ_BUFFER_BYTES);
    if (count === -EAGAIN) return;
    if (count <= 0 || !this.#busy) {
      this.destroy();
      return;
    }
    const progress = this.#answer.take(scratch.bytes, 0, count);
    if (progress === 'bad') {
      this.destroy();
    } else if (progress === 'complete') {
      this.#busy = false;
      this.#events.completed(this, this.#intended, this.#answer.fill);
    }
  }

  destroy(): void {
    this.#reactor.close(this.#fd);
    this.#events.lost(this.#busy);
    this.#busy = false;
  }
}
