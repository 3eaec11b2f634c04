import { EINTR, throwErrno } from './errno.ts';
import { lastErrno, libc } from './internal/library.ts';
import { type Memory, allocate } from './memory.ts';

const epollCreate1 = libc('epoll_create1', 'int', ['int']);
const epollCtl = libc('epoll_ctl', 'int', ['int', 'int', 'int', 'uintptr_t']);
const epollWait = libc('epoll_wait', 'int', ['int', 'uintptr_t', 'int', 'int']);

export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
/** One of the threads that share a descriptor is woken, not all; only with EPOLLIN | EPOLLOUT, cannot be modified. */
export const EPOLLEXCLUSIVE = 0x1000_0000;

/** Told when it happens, not as long as it lasts. */
export const EPOLLET: number = 1 << 31;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

export interface EpollEventLayout {
  /** Bytes of one struct epoll_event. */
  readonly size: number;
  /** Offset of the 64 user bits behind the 32 bits of events. */
  readonly data: number;
}

/** struct epoll_event is packed on x86-64 and on no other architecture (sys/epoll.h, __EPOLL_PACKED). */
export function epollEventLayout(architecture: NodeJS.Architecture): EpollEventLayout {
  return architecture === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };
}

const layout = epollEventLayout(process.arch);
const EVENT_WORDS = layout.size / 4;
const DATA_WORD = layout.data / 4;

/**
 * One epoll instance. Each registration carries a tag of 31 bits that comes back with its events, so that an event of
 * a descriptor that was closed and reused within the same turn can be told apart.
 */
export class Epoll {
  readonly fd: number;
  readonly #change: Memory = allocate(16);
  readonly #changeWords: Int32Array;
  readonly #events: Memory;
  readonly #words: Int32Array;
  readonly #capacity: number;

  /** `capacity` is the number of events one `wait` can return. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#events = allocate(capacity * layout.size);
    this.#words = new Int32Array(this.#events.bytes.buffer);
    this.#changeWords = new Int32Array(this.#change.bytes.buffer);
    this.fd = epollCreate1(EPOLL_CLOEXEC);
    if (this.fd < 0) throwErrno('epoll_create1');
  }

  add(fd: number, events: number, tag: number): void {
    if (this.#control(EPOLL_CTL_ADD, fd, events, tag) < 0) throwErrno('epoll_ctl', `add descriptor ${fd}`);
  }

  modify(fd: number, events: number, tag: number): void {
    if (this.#control(EPOLL_CTL_MOD, fd, events, tag) < 0) throwErrno('epoll_ctl', `modify descriptor ${fd}`);
  }

  /**
   * Removes a descriptor that stays open; one without duplicates is removed by its close. Never throws: the kernel only
   * refuses when the descriptor is not there any more.
   */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0, 0);
  }

  /** Number of events, 0 after `milliseconds` (-1 waits for ever) or when a signal came. Throws only on misuse. */
  wait(milliseconds: number): number {
    const count = epollWait(this.fd, this.#events.address, this.#capacity, milliseconds);
    if (count >= 0) return count;
    return lastErrno() === EINTR ? 0 : throwErrno('epoll_wait');
  }

  /** The EPOLL… bits of event `index` of the last wait. */
  eventsAt(index: number): number {
    return this.#words[index * EVENT_WORDS] ?? 0;
  }

  descriptorAt(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD] ?? -1;
  }

  tagAt(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD + 1] ?? -1;
  }

  #control(operation: number, fd: number, events: number, tag: number): number {
    this.#changeWords[0] = events;
    this.#changeWords[DATA_WORD] = fd;
    this.#changeWords[DATA_WORD + 1] = tag;
    return epollCtl(this.fd, operation, fd, this.#change.address);
  }
}
