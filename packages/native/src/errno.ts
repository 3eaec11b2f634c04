import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import { AmbitError } from '@ambit/core/errors';
import { lastErrno } from './internal/library.ts';

// Linux, the same on x86-64 and arm64.
export const ENOENT = 2;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EPIPE = 32;
export const EMSGSIZE = 90;
export const ENOPROTOOPT = 92;
export const EOPNOTSUPP = 95;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;

/** `ECONNRESET` for 104; `errno 4711` for a number without a name. */
export function errnoName(errno: number): string {
  return known(errno) ? getSystemErrorName(-errno) : `errno ${errno}`;
}

/** Nothing was sent or changed when a call fails with one of these, so the same call may be tried again. */
const RETRYABLE: ReadonlySet<number> = new Set([
  EAGAIN,
  EINTR,
  ENOMEM,
  ENFILE,
  EMFILE,
  ENOBUFS,
  ECONNREFUSED,
  ETIMEDOUT,
  ENETUNREACH,
  EHOSTUNREACH,
  EADDRNOTAVAIL,
]);

/** A system call that failed, code `AMBIT_SYSCALL`. */
export class SystemCallError extends AmbitError {
  readonly syscall: string;
  readonly errno: number;

  /** `subject` names what the call was about: an address, a path, an option. */
  constructor(syscall: string, errno: number, subject = '') {
    const cause = probableCause(syscall, errno);
    const text = known(errno) ? `${getSystemErrorName(-errno)}: ${getSystemErrorMessage(-errno)}` : errnoName(errno);
    super('AMBIT_SYSCALL', `${syscall}(${subject}): ${text}${cause === undefined ? '' : `; ${cause}`}`, {
      source: 'system',
      retryable: RETRYABLE.has(errno),
    });
    this.syscall = syscall;
    this.errno = errno;
  }
}

/** Throws the error of the call that has just failed; to be used as `if (f(...) < 0) throwErrno('f', subject)`. */
export function throwErrno(syscall: string, subject = ''): never {
  throw new SystemCallError(syscall, lastErrno(), subject);
}

function known(errno: number): boolean {
  return errno > 0 && !getSystemErrorName(-errno).startsWith('Unknown');
}

const CAUSES: Readonly<Record<string, string>> = {
  'setns EPERM': 'entering a network namespace needs CAP_SYS_ADMIN, here and in the user namespace that owns it',
  'setns EINVAL': 'the descriptor is not a network namespace',
  'unshare EPERM': 'making a network namespace needs CAP_SYS_ADMIN',
  'setsockopt EPERM': 'this socket option needs CAP_NET_ADMIN',
  'setsockopt ENOPROTOOPT': 'the kernel was built without this socket option',
  'socket EPERM': 'raw and packet sockets need CAP_NET_RAW',
  'socket EAFNOSUPPORT': 'the kernel or the namespace has no such address family (IPv6 switched off?)',
  'bind EADDRINUSE': 'another socket without SO_REUSEPORT, or of another user, holds this address',
  'bind EADDRNOTAVAIL':
    'the address is not on any interface of this namespace (IP_FREEBIND and IP_TRANSPARENT are off)',
  'bind EACCES': 'ports below 1024 need CAP_NET_BIND_SERVICE',
  'connect ECONNREFUSED': 'nothing listens there',
  'connect EADDRNOTAVAIL': 'no free local port is left for this destination',
  'connect ENOENT': 'no such socket file: the other side has not started yet',
};

const GENERAL_CAUSES: Readonly<Record<string, string>> = {
  EMFILE: 'the limit of open files of this process is reached (RLIMIT_NOFILE)',
  ENFILE: 'the limit of open files of the machine is reached (fs.file-max)',
  ENOSYS: 'the kernel is too old or a seccomp profile forbids the call',
};

function probableCause(syscall: string, errno: number): string | undefined {
  const name = errnoName(errno);
  return CAUSES[`${syscall} ${name}`] ?? GENERAL_CAUSES[name];
}
