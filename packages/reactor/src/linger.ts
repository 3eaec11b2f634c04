import { SHUT_WR, recv, shutdown } from '@ambit/native/socket';
import { EAGAIN } from '@ambit/native/errno';
import { EPOLLIN } from '@ambit/native/epoll';
import { LINGER_TIMEOUT_MS, READ_BUFFER_BYTES } from './limits.ts';
import type { ReadinessHandler, Reactor } from './reactor.ts';
import type { ReactorTimer } from './timer-wheel.ts';

/**
 * Closes an adopted connection so that the peer gets the last bytes: sends FIN, reads and drops what still comes, closes
 * at the peer's FIN or after `LINGER_TIMEOUT_MS`. Never throws; what cannot be waited for is closed at once. A close with unread bytes would send RST, which makes the peer's
 * kernel throw away what its application has not read yet (RFC 1122 4.2.2.13), an alert or a GOAWAY for instance.
 */
export function lingerAndClose(reactor: Reactor, fd: number): void {
  if (shutdown(fd, SHUT_WR) < 0) {
    reactor.close(fd);
    return;
  }
  const linger = new Linger(reactor, fd);
  try {
    reactor.register(fd, EPOLLIN, linger);
  } catch {
    linger.destroy();
  }
}

class Linger implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #timer: ReactorTimer;

  constructor(reactor: Reactor, fd: number) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#timer = reactor.after(LINGER_TIMEOUT_MS, () => {
      // Whoever closed the descriptor behind our back must not lose the next one of the same number.
      if (reactor.handlerOf(fd) === this) reactor.close(fd);
    });
  }

  onReady(): void {
    let count = recv(this.#fd, this.#reactor.scratch.address, READ_BUFFER_BYTES);
    // The end often stands right behind the last words.
    if (count > 0 && count < READ_BUFFER_BYTES)
      count = recv(this.#fd, this.#reactor.scratch.address, READ_BUFFER_BYTES);
    if (count > 0 || count === -EAGAIN) return;
    this.destroy();
  }

  destroy(): void {
    this.#timer.cancel();
    this.#reactor.close(this.#fd);
  }
}
