import type { SocketAddress } from '@ambit/core/address';
import { EAFNOSUPPORT, EINVAL, ENOENT, ENOPROTOOPT, EOPNOTSUPP, SystemCallError, throwErrno } from './errno.ts';
import { lastErrno, libc } from './internal/library.ts';
import { allocate } from './memory.ts';
import { localAddress } from './socket.ts';
import { AF_INET, type AddressFamily, SOCKET_ADDRESS_BYTES, readSocketAddress } from './socket-address.ts';

const setsockopt = libc('setsockopt', 'int', ['int', 'int', 'int', 'uintptr_t', 'int']);
const getsockopt = libc('getsockopt', 'int', ['int', 'int', 'int', 'uintptr_t', 'uintptr_t']);

// asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h; the same on x86-64 and arm64.
const SOL_SOCKET = 1;
const SOL_IP = 0;
const SOL_TCP = 6;
const SOL_IPV6 = 41;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const IP_FREEBIND = 15;
const IP_TRANSPARENT = 19;
const IP_RECVORIGDSTADDR = 20;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IP_LOCAL_PORT_RANGE = 51;
const SO_ORIGINAL_DST = 80;
const IPV6_V6ONLY = 26;
const IPV6_RECVORIGDSTADDR = 74;
const IPV6_TRANSPARENT = 75;
const IPV6_FREEBIND = 78;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

const LENGTH_OFFSET = 32;
const scratch = allocate(64);

/** SO_MARK; needs CAP_NET_ADMIN. */
export function setMark(fd: number, mark: number): void {
  setInteger(fd, SOL_SOCKET, SO_MARK, mark, 'SO_MARK');
}

export function getMark(fd: number): number {
  return getInteger(fd, SOL_SOCKET, SO_MARK, 'SO_MARK');
}

/** IP_TRANSPARENT or IPV6_TRANSPARENT: addresses of others may be bound and accepted; needs CAP_NET_ADMIN. */
export function setTransparent(fd: number, family: AddressFamily): void {
  if (family === AF_INET) setInteger(fd, SOL_IP, IP_TRANSPARENT, 1, 'IP_TRANSPARENT');
  else setInteger(fd, SOL_IPV6, IPV6_TRANSPARENT, 1, 'IPV6_TRANSPARENT');
}

/** IP_FREEBIND or IPV6_FREEBIND: an address may be bound that no interface has. */
export function setFreebind(fd: number, family: AddressFamily): void {
  if (family === AF_INET) setInteger(fd, SOL_IP, IP_FREEBIND, 1, 'IP_FREEBIND');
  else setInteger(fd, SOL_IPV6, IPV6_FREEBIND, 1, 'IPV6_FREEBIND');
}

/** The port of bind(address, 0) is chosen at connect, so that it need only be free for that destination. */
export function setBindAddressNoPort(fd: number): void {
  setInteger(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1, 'IP_BIND_ADDRESS_NO_PORT');
}

/**
 * IP_LOCAL_PORT_RANGE (Linux 6.3): the port that connect chooses is `port`, or connect fails with EADDRNOTAVAIL because
 * the pair of addresses is taken. 0: whatever port is free again. Unlike with bind, others may go on choosing the port for other
 * destinations. A port outside of net.ipv4.ip_local_port_range is as good as none. False when the kernel knows no such
 * option. Of IPv6 sockets too.
 */
export function setLocalPort(fd: number, port: number): boolean {
  // The lowest port in the lower half, the highest in the upper.
  scratch.bytes.writeUInt32LE(((port << 16) | port) >>> 0, 0);
  if (setsockopt(fd, SOL_IP, IP_LOCAL_PORT_RANGE, scratch.address, 4) === 0) return true;
  const errno = lastErrno();
  if (errno === ENOPROTOOPT) return false;
  throw new SystemCallError('setsockopt', errno, `IP_LOCAL_PORT_RANGE=${port}`);
}

export function setReuseAddress(fd: number): void {
  setInteger(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
}

export function setReusePort(fd: number): void {
  setInteger(fd, SOL_SOCKET, SO_REUSEPORT, 1, 'SO_REUSEPORT');
}

export function setV6Only(fd: number, on: boolean): void {
  setInteger(fd, SOL_IPV6, IPV6_V6ONLY, on ? 1 : 0, 'IPV6_V6ONLY');
}

export function setNoDelay(fd: number): void {
  setInteger(fd, SOL_TCP, TCP_NODELAY, 1, 'TCP_NODELAY');
}

export interface Keepalive {
  /** Seconds of silence before the first probe. */
  readonly idle: number;
  /** Seconds between probes. */
  readonly interval: number;
  readonly probes: number;
}

export function setKeepalive(fd: number, keepalive: Keepalive): void {
  setInteger(fd, SOL_SOCKET, SO_KEEPALIVE, 1, 'SO_KEEPALIVE');
  setInteger(fd, SOL_TCP, TCP_KEEPIDLE, keepalive.idle, 'TCP_KEEPIDLE');
  setInteger(fd, SOL_TCP, TCP_KEEPINTVL, keepalive.interval, 'TCP_KEEPINTVL');
  setInteger(fd, SOL_TCP, TCP_KEEPCNT, keepalive.probes, 'TCP_KEEPCNT');
}

/** TCP_USER_TIMEOUT: milliseconds that sent bytes may stay unacknowledged. */
export function setUserTimeout(fd: number, milliseconds: number): void {
  setInteger(fd, SOL_TCP, TCP_USER_TIMEOUT, milliseconds, 'TCP_USER_TIMEOUT');
}

/** SO_LINGER with time 0: the coming close sends RST instead of FIN and drops what is queued. Never throws. */
export function setResetOnClose(fd: number): void {
  scratch.bytes.writeInt32LE(1, 0);
  scratch.bytes.writeInt32LE(0, 4);
  // Fails only on a descriptor that is no socket; the close that follows is right in either case.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, scratch.address, 8);
}

/** Kernel buffer sizes in bytes; the kernel doubles the value and caps it by net.core.rmem_max and wmem_max. */
export function setBufferSizes(fd: number, sizes: { readonly receive?: number; readonly send?: number }): void {
  if (sizes.receive !== undefined) setInteger(fd, SOL_SOCKET, SO_RCVBUF, sizes.receive, 'SO_RCVBUF');
  if (sizes.send !== undefined) setInteger(fd, SOL_SOCKET, SO_SNDBUF, sizes.send, 'SO_SNDBUF');
}

/** Makes a UDP socket tell the destination a datagram had before a transparent redirection (`receiveDatagram`). */
export function setReceiveOriginalDestination(fd: number, family: AddressFamily): void {
  if (family === AF_INET) setInteger(fd, SOL_IP, IP_RECVORIGDSTADDR, 1, 'IP_RECVORIGDSTADDR');
  else setInteger(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR, 1, 'IPV6_RECVORIGDSTADDR');
}

/** SO_ERROR: the errno a connection failed with, 0 when it did not; reading clears it. */
export function takeError(fd: number): number {
  return getInteger(fd, SOL_SOCKET, SO_ERROR, 'SO_ERROR');
}

/**
 * Where a redirected connection was going: SO_ORIGINAL_DST of IPv4, then of IPv6, then the local address for a
 * connection that was not redirected. v4-mapped addresses come back as IPv4.
 */
export function originalDestination(fd: number): SocketAddress {
  return redirectedFrom(fd, SOL_IP) ?? redirectedFrom(fd, SOL_IPV6) ?? localAddress(fd);
}

// No connection-tracking entry, no connection tracking at all, or a socket of the other family.
const NOT_REDIRECTED: ReadonlySet<number> = new Set([ENOENT, ENOPROTOOPT, EOPNOTSUPP, EINVAL, EAFNOSUPPORT]);

function redirectedFrom(fd: number, level: number): SocketAddress | undefined {
  scratch.bytes.writeInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_OFFSET);
  if (getsockopt(fd, level, SO_ORIGINAL_DST, scratch.address, scratch.address + LENGTH_OFFSET) === 0) {
    return readSocketAddress(scratch.bytes, 0);
  }
  const errno = lastErrno();
  if (NOT_REDIRECTED.has(errno)) return undefined;
  throw new SystemCallError('getsockopt', errno, `SO_ORIGINAL_DST of descriptor ${fd}`);
}

function setInteger(fd: number, level: number, option: number, value: number, name: string): void {
  scratch.bytes.writeInt32LE(value, 0);
  if (setsockopt(fd, level, option, scratch.address, 4) < 0) throwErrno('setsockopt', `${name}=${value}`);
}

function getInteger(fd: number, level: number, option: number, name: string): number {
  scratch.bytes.writeInt32LE(4, LENGTH_OFFSET);
  if (getsockopt(fd, level, option, scratch.address, scratch.address + LENGTH_OFFSET) < 0)
    throwErrno('getsockopt', name);
  return scratch.bytes.readInt32LE(0);
}
