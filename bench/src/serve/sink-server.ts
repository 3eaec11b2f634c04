import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { allocate } from '@ambit/native/memory';
import { recv, send } from '@ambit/native/socket';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import { Listener } from '@ambit/reactor/listener';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';

/** Reads to the end of the stream, then answers with the number of bytes (64 bits, little-endian) and closes. */
export function serveSink(reactor: Reactor, listener: number): Listener {
  return new Listener(reactor, listener, {
    onAccept: (fd) => reactor.register(fd, EPOLLIN, new SinkConnection(reactor, fd)),
  });
}

class SinkConnection implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  #total = 0;

  constructor(reactor: Reactor, fd: number) {
    this.#reactor = reactor;
    this.#fd = fd;
  }

  onReady(): void {
    const count = recv(this.#fd, this.#reactor.scratch.address, READ_BUFFER_BYTES);
    if (count === -EAGAIN) return;
    if (count > 0) {
      this.#total += count;
      return;
    }
    if (count === 0) {
      const answer = allocate(8);
      answer.bytes.writeBigUInt64LE(BigInt(this.#total));
      send(this.#fd, answer.address, 8);
    }
    this.destroy();
  }

  destroy(): void {
    this.#reactor.close(this.#fd);
  }
}
