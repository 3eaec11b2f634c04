import { isMainThread } from 'node:worker_threads';
import { AmbitError } from '@ambit/core/errors';
import { throwErrno } from './errno.ts';
import { libc } from './internal/library.ts';

// fcntl is variadic in C; see descriptor.ts.
const fcntl = libc('fcntl', 'int', ['int', 'int', 'int']);

const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETSIG = 10;
const O_ASYNC = 0o20000;

/** Who does not handle it ignores it (signal(7)), so that one which comes too late does no harm. */
const SIGNAL = 'SIGURG';
const SIGNAL_NUMBER = 23;

const watchers = new Set<() => void>();

/**
 * Lets the event loop of the main thread wait for a socket of a kind that it cannot watch itself, such as SEQPACKET: the
 * kernel signals what arrives (O_ASYNC, fcntl(2)). `onReady` is called whenever something may have arrived or the peer may
 * have closed, and not again for what was left unread: read until -EAGAIN, and once after this call. It must not throw.
 * Costs no thread, so it is for sockets of which there are few and which say little. Returns what ends it; call that before
 * the descriptor is closed. Throws `AMBIT_READINESS_SIGNAL` on a worker thread, where Node delivers no signals.
 */
export function watchBySignal(fd: number, onReady: () => void): () => void {
  if (!isMainThread) {
    throw new AmbitError('AMBIT_READINESS_SIGNAL', 'signals reach only the main thread; use a reactor on a worker');
  }
  if (watchers.size === 0) process.on(SIGNAL, callAll);
  watchers.add(onReady);
  const end = (): void => {
    if (watchers.delete(onReady) && watchers.size === 0) process.off(SIGNAL, callAll);
  };
  try {
    control(fd, F_SETOWN, process.pid);
    control(fd, F_SETSIG, SIGNAL_NUMBER);
    control(fd, F_SETFL, control(fd, F_GETFL, 0) | O_ASYNC);
  } catch (error) {
    end();
    throw error;
  }
  return end;
}

function callAll(): void {
  for (const onReady of [...watchers]) onReady();
}

function control(fd: number, operation: number, argument: number): number {
  const result = fcntl(fd, operation, argument);
  return result < 0 ? throwErrno('fcntl', `signal the readiness of descriptor ${fd}`) : result;
}
