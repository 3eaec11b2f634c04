import { type SocketAddress, formatSocketAddress } from '@ambit/core/address';
import { EAGAIN, EINPROGRESS, EINTR, SystemCallError, throwErrno } from './errno.ts';
import { lastErrno, libc } from './internal/library.ts';
import { allocate } from './memory.ts';
import { type AddressFamily, SOCKET_ADDRESS_BYTES, readSocketAddress, writeSocketAddress } from './socket-address.ts';

const socket = libc('socket', 'int', ['int', 'int', 'int']);
const bindCall = libc('bind', 'int', ['int', 'uintptr_t', 'int']);
const listenCall = libc('listen', 'int', ['int', 'int']);
const accept4Call = libc('accept4', 'int', ['int', 'uintptr_t', 'uintptr_t', 'int']);
const connectCall = libc('connect', 'int', ['int', 'uintptr_t', 'int']);
const getsockname = libc('getsockname', 'int', ['int', 'uintptr_t', 'uintptr_t']);
const getpeername = libc('getpeername', 'int', ['int', 'uintptr_t', 'uintptr_t']);
// The result of recv and send is declared int: lengths stay below 2^31, and a 32-bit result is the cheapest to convert.
const recvCall = libc('recv', 'int', ['int', 'uintptr_t', 'int', 'int']);
const sendCall = libc('send', 'int', ['int', 'uintptr_t', 'int', 'int']);
const shutdownCall = libc('shutdown', 'int', ['int', 'int']);

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
/** Every socket of this package is non-blocking and close-on-exec. */
export const SOCK_NONBLOCK_CLOEXEC: number = 0o4000 | 0o2000000;

export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_MORE = 0x8000;

const LENGTH_OFFSET = 32;
const scratch = allocate(64);
const accepted = allocate(64);

/** A socket of any family. Throws `AMBIT_SYSCALL`. */
export function openSocket(family: number, type: number, protocol = 0): number {
  const fd = socket(family, type | SOCK_NONBLOCK_CLOEXEC, protocol);
  return fd < 0 ? throwErrno('socket', `family ${family}, type ${type}`) : fd;
}

export function openTcpSocket(family: AddressFamily): number {
  return openSocket(family, SOCK_STREAM);
}

export function openUdpSocket(family: AddressFamily): number {
  return openSocket(family, SOCK_DGRAM);
}

/** `family` is the socket's: with AF_INET6 an IPv4 address is bound v4-mapped. Default: that of the address. */
export function bind(fd: number, address: SocketAddress, family?: AddressFamily): void {
  const length = writeSocketAddress(scratch.bytes, 0, address, family);
  if (bindCall(fd, scratch.address, length) < 0) throwErrno('bind', formatSocketAddress(address));
}

export function listen(fd: number, backlog: number): void {
  if (listenCall(fd, backlog) < 0) throwErrno('listen', `descriptor ${fd}`);
}

/** The next connection of a listener, or a negative errno (-EAGAIN when none waits). Never throws. */
export function accept4(fd: number): number {
  accepted.bytes.writeInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_OFFSET);
  const connection = accept4Call(fd, accepted.address, accepted.address + LENGTH_OFFSET, SOCK_NONBLOCK_CLOEXEC);
  return connection >= 0 ? connection : -lastErrno();
}

/** The peer of the last connection that `accept4` returned on this thread. */
export function acceptedPeer(): SocketAddress {
  return readSocketAddress(accepted.bytes, 0);
}

/** 0 when connected at once, -EINPROGRESS when under way, another negative errno when refused. */
export function connect(fd: number, address: SocketAddress, family?: AddressFamily): number {
  const length = writeSocketAddress(scratch.bytes, 0, address, family);
  if (connectCall(fd, scratch.address, length) === 0) return 0;
  const errno = lastErrno();
  return errno === EINTR ? -EINPROGRESS : -errno;
}

export function localAddress(fd: number): SocketAddress {
  scratch.bytes.writeInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_OFFSET);
  if (getsockname(fd, scratch.address, scratch.address + LENGTH_OFFSET) < 0)
    throwErrno('getsockname', `descriptor ${fd}`);
  return readSocketAddress(scratch.bytes, 0);
}

/** Throws `AMBIT_SYSCALL` (ENOTCONN) when the peer is gone already. */
export function peerAddress(fd: number): SocketAddress {
  scratch.bytes.writeInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_OFFSET);
  if (getpeername(fd, scratch.address, scratch.address + LENGTH_OFFSET) < 0)
    throwErrno('getpeername', `descriptor ${fd}`);
  return readSocketAddress(scratch.bytes, 0);
}

/** Bytes read to `address`, 0 at the end of the stream, or a negative errno (-EAGAIN when nothing is there). */
export function recv(fd: number, address: number, length: number): number {
  const count = recvCall(fd, address, length, MSG_DONTWAIT);
  return count >= 0 ? count : failure();
}

/** Bytes taken by the kernel, or a negative errno (-EAGAIN when its buffer is full). Raises no SIGPIPE. */
export function send(fd: number, address: number, length: number): number {
  const count = sendCall(fd, address, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  return count >= 0 ? count : failure();
}

/** As `send`, for bytes that `shutdown` or `close` follows at once: they leave together with the FIN. */
export function sendLast(fd: number, address: number, length: number): number {
  const count = sendCall(fd, address, length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
  return count >= 0 ? count : failure();
}

/** 0 or a negative errno (-ENOTCONN when the peer reset the connection). */
export function shutdown(fd: number, how: typeof SHUT_RD | typeof SHUT_WR | typeof SHUT_RDWR): number {
  return shutdownCall(fd, how) === 0 ? 0 : -lastErrno();
}

/** An error for a call above that returned a negative errno. */
export function socketError(syscall: string, result: number, subject: string): SystemCallError {
  return new SystemCallError(syscall, -result, subject);
}

function failure(): number {
  const errno = lastErrno();
  return errno === EINTR ? -EAGAIN : -errno;
}
