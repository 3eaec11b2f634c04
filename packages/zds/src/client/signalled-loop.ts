import { AmbitError, messageOf } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { EPOLLIN } from '@ambit/native/epoll';
import { watchBySignal } from '@ambit/native/readiness-signal';
import type { LineLoop } from '../packet-line.ts';
import type { ReadinessHandler } from '@ambit/reactor/reactor';

interface Watched {
  readonly handler: ReadinessHandler;
  readonly end: () => void;
  interest: number;
}

/** The event loop of the main thread as a loop for packet lines: a few quiet sockets that are not worth a thread. */
export class SignalledLoop implements LineLoop {
  readonly #watched = new Map<number, Watched>();

  adopt(): void {
    // Descriptors of the main thread live until they are closed.
  }

  register(fd: number, interest: number, handler: ReadinessHandler): void {
    const end = watchBySignal(fd, () => {
      this.#dispatch(fd);
    });
    this.#watched.set(fd, { handler, end, interest });
    this.#dispatchLater(fd);
  }

  modify(fd: number, interest: number): void {
    const watched = this.#watched.get(fd);
    if (watched === undefined) return;
    watched.interest = interest;
    this.#dispatchLater(fd);
  }

  close(fd: number): void {
    this.#watched.get(fd)?.end();
    if (this.#watched.delete(fd)) close(fd);
  }

  /** What came before it was asked for is not signalled again. */
  #dispatchLater(fd: number): void {
    setImmediate(() => {
      this.#dispatch(fd);
    });
  }

  #dispatch(fd: number): void {
    const watched = this.#watched.get(fd);
    if (watched === undefined || watched.interest === 0) return;
    try {
      watched.handler.onReady(EPOLLIN);
    } catch (error) {
      watched.handler.destroy(
        error instanceof AmbitError ? error : new AmbitError('AMBIT_ZDS', messageOf(error), { cause: error }),
      );
    }
  }
}
