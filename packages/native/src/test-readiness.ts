import { close } from './descriptor.ts';
import { EPOLLIN, Epoll } from './epoll.ts';

/** For tests: waits until something can be read or accepted. On a busy machine even the loopback device takes a moment. */
export function untilReadable(fd: number, milliseconds = 5000): void {
  const epoll = new Epoll(1);
  try {
    epoll.add(fd, EPOLLIN, 1);
    const end = performance.now() + milliseconds;
    // A signal ends a wait early.
    while (epoll.wait(Math.max(0, Math.ceil(end - performance.now()))) === 0) {
      if (performance.now() >= end) throw new Error(`nothing came on descriptor ${fd} within ${milliseconds} ms`);
    }
  } finally {
    close(epoll.fd);
  }
}
