import { close } from './descriptor.ts';
import { EPOLLIN, Epoll } from './epoll.ts';

/** For tests: waits until something can be read or accepted. On a busy machine even the loopback device takes a moment. */
export function untilReadable(fd: number, milliseconds = 5000): void {
  const epoll = new Epoll(1);
  try {
    epoll.add(fd, EPOLLIN, 1);
    if (epoll.wait(milliseconds) === 0) throw new Error(`nothing came on descriptor ${fd} within ${milliseconds} ms`);
  } finally {
    close(epoll.fd);
  }
}
