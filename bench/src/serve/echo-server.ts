import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import type { Memory } from '@ambit/native/memory';
import { recv, send } from '@ambit/native/socket';
import { setNoDelay } from '@ambit/native/socket-option';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import { Listener } from '@ambit/reactor/listener';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { RequestCounter, asksToClose, responseOf } from '../http-exchange.ts';

/** Answers every request with the same bytes, at once and from one buffer. `fill` is what the body is made of. */
export function serveEcho(reactor: Reactor, listener: number, fill: string): Listener {
  const response = responseOf(fill);
  return new Listener(reactor, listener, {
    onAccept: (fd) => {
      setNoDelay(fd);
      reactor.register(fd, EPOLLIN, new EchoConnection(reactor, fd, response));
    },
  });
}

class EchoConnection implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #response: Memory;
  readonly #requests = new RequestCounter();
  /** The answer that is being sent is the last one. */
  #last = false;
  /** Answer bytes that the kernel has not taken yet. */
  #owed = 0;

  constructor(reactor: Reactor, fd: number, response: Memory) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#response = response;
  }

  onReady(): void {
    if (this.#owed > 0) {
      this.#pay();
      return;
    }
    const { scratch } = this.#reactor;
    const count = recv(this.#fd, scratch.address, READ_BUFFER_BYTES);
    if (count === -EAGAIN) return;
    if (count <= 0) {
      this.destroy();
      return;
    }
    const requests = this.#requests.count(scratch.bytes, 0, count);
    if (requests === 0) return;
    this.#last = asksToClose(scratch.bytes, count);
    this.#owed = requests * this.#response.bytes.length;
    this.#pay();
  }

  destroy(): void {
    this.#reactor.close(this.#fd);
  }

  #pay(): void {
    const whole = this.#response.bytes.length;
    while (this.#owed > 0) {
      const left = this.#owed % whole === 0 ? whole : this.#owed % whole;
      const count = send(this.#fd, this.#response.address + whole - left, left);
      if (count > 0) {
        this.#owed -= count;
        continue;
      }
      if (count === -EAGAIN) this.#reactor.modify(this.#fd, EPOLLOUT);
      else this.destroy();
      return;
    }
    if (this.#last) this.destroy();
    else this.#reactor.modify(this.#fd, EPOLLIN);
  }
}
