import { throwErrno } from './errno.ts';
import { lastErrno, libc } from './internal/library.ts';
import { cString } from './memory.ts';

const closeCall = libc('close', 'int', ['int'], { releases: true });
// open and fcntl are variadic in C; on Linux (x86-64 and arm64) integers travel in the same registers either way.
const openCall = libc('open', 'int', ['uintptr_t', 'int']);
const fcntl = libc('fcntl', 'int', ['int', 'int', 'int']);

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const F_GETFD = 1;
const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;

/**
 * Opens a path for reading. Unlike `fs.openSync`, the descriptor belongs to the process and outlives the worker thread
 * that opened it.
 */
export function openReadOnly(path: string): number {
  const fd = openCall(cString(path), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? throwErrno('open', path) : fd;
}

/** Closes a descriptor. It is gone in every case, so a failure (a negative errno) is only worth a log line. */
export function close(fd: number): number {
  return closeCall(fd) === 0 ? 0 : -lastErrno();
}

/** A second descriptor of the same open file, close-on-exec. */
export function duplicate(fd: number): number {
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? throwErrno('fcntl', `duplicate descriptor ${fd}`) : copy;
}

/** Whether child processes that are executed lose the descriptor. */
export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = fcntl(fd, F_GETFD, 0);
  if (flags < 0 || fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0) {
    throwErrno('fcntl', `close-on-exec of descriptor ${fd}`);
  }
}

/** Runs `prepare` with a fresh descriptor and returns it; closes it when `prepare` throws. */
export function guarded(fd: number, prepare: (fd: number) => void): number {
  try {
    prepare(fd);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
