import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { recv, send } from '@ambit/native/socket';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { AnswerReader, REQUEST } from '../http-exchange.ts';
import type { ConnectionOpener, RequestSlot, SlotEvents } from './request-load.ts';

/** HTTP/1.1: one request at a time. */
export const openHttp1: ConnectionOpener = (reactor, { target }, events) => {
  connectTcp(
    reactor,
    { destination: target },
    {
      onConnected: (fd) => events.opened(new Http1Slot(reactor, fd, events)),
      onConnectFailed: (error) => events.connectFailed(error),
    },
  );
};

class Http1Slot implements RequestSlot, ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #events: SlotEvents;
  readonly #answer = new AnswerReader();
  #intended = 0;
  #busy = false;

  constructor(reactor: Reactor, fd: number, events: SlotEvents) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#events = events;
    reactor.register(fd, EPOLLIN, this);
  }

  begin(intended: number): void {
    this.#intended = intended;
    this.#busy = true;
    if (send(this.#fd, REQUEST.address, REQUEST.bytes.length) !== REQUEST.bytes.length) this.#events.failed();
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
