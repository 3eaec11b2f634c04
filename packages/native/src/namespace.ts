import { fstatSync, openSync } from 'node:fs';
import { openReadOnly } from './descriptor.ts';
import { throwErrno } from './errno.ts';
import { libc } from './internal/library.ts';

const setns = libc('setns', 'int', ['int', 'int']);
const unshare = libc('unshare', 'int', ['int']);

// process.abort does not exist on worker threads.
const abort = libc('abort', 'void', []);

const CLONE_NEWNET = 0x4000_0000;
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

let home: number | undefined;
/** The namespace of the innermost bracket. */
let current: number | undefined;

/** A descriptor of the network namespace at `path`, e.g. `/run/netns/pod` or `/proc/<pid>/ns/net`. */
export function openNamespace(path: string): number {
  return openReadOnly(path);
}

/** The network namespace this thread lives in outside of brackets. Kept open for the life of the thread. */
export function homeNamespace(): number {
  // Opened by the runtime, which closes what a worker thread leaves open when the thread ends.
  home ??= openSync(OWN_NAMESPACE, 'r');
  return home;
}

export interface NamespaceIdentity {
  readonly device: number;
  readonly inode: number;
}

/** Two descriptors are of the same namespace if device and inode are equal. */
export function namespaceIdentity(fd: number): NamespaceIdentity {
  const facts = fstatSync(fd);
  return { device: facts.dev, inode: facts.ino };
}

/** Makes a network namespace (with a loopback interface that is down) and returns its descriptor; the thread is back where it was. */
export function createNetworkNamespace(): number {
  const back = current ?? homeNamespace();
  if (unshare(CLONE_NEWNET) < 0) throwErrno('unshare', 'network namespace');
  try {
    return openNamespace(OWN_NAMESPACE);
  } finally {
    goBack(back);
  }
}

/**
 * Runs `run` with this thread inside the namespace of `fd` and brings it back. `run` must be synchronous: whatever
 * happens after it returns, promises included, happens outside. Sockets made inside belong to that namespace for life.
 */
export function inNamespace<T>(fd: number, run: () => T): T {
  const outer = current;
  const back = outer ?? homeNamespace();
  if (setns(fd, CLONE_NEWNET) < 0) throwErrno('setns', `descriptor ${fd}`);
  current = fd;
  try {
    return run();
  } finally {
    current = outer;
    goBack(back);
  }
}

/** A thread that stays in a foreign namespace would send one pod's traffic from another: nothing may run after that. */
function goBack(fd: number): void {
  if (setns(fd, CLONE_NEWNET) < 0) abort();
}
