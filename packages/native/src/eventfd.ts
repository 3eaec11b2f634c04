import { EAGAIN, throwErrno } from './errno.ts';
import { lastErrno, libc } from './internal/library.ts';
import { allocate } from './memory.ts';

const eventfdCall = libc('eventfd', 'int', ['uint32_t', 'int']);
const writeCall = libc('write', 'int', ['int', 'uintptr_t', 'int']);
const readCall = libc('read', 'int', ['int', 'uintptr_t', 'int']);

const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

const one = allocate(8);
one.bytes[0] = 1;
const counter = allocate(8);

/** An event counter: every thread may raise it, one loop waits for it. */
export function openEvent(): number {
  const fd = eventfdCall(0, EFD_NONBLOCK_CLOEXEC);
  return fd < 0 ? throwErrno('eventfd') : fd;
}

export function raiseEvent(fd: number): void {
  // A full counter (EAGAIN) is an event that is raised already.
  if (writeCall(fd, one.address, 8) < 0 && lastErrno() !== EAGAIN) throwErrno('write', `event ${fd}`);
}

/** Takes all raises at once; false when there was none. */
export function takeEvent(fd: number): boolean {
  return readCall(fd, counter.address, 8) === 8;
}
