import type { SocketAddress } from '@ambit/core/address';
import { EAGAIN, EINTR } from './errno.ts';
import {
  CONTROL_HEADER_BYTES,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  MessageHeader,
  controlSpace,
} from './internal/message-header.ts';
import { lastErrno, libc } from './internal/library.ts';
import { allocate, readPointer } from './memory.ts';
import { type AddressFamily, SOCKET_ADDRESS_BYTES, readSocketAddress, writeSocketAddress } from './socket-address.ts';

const recvmsg = libc('recvmsg', 'int', ['int', 'uintptr_t', 'int']);
const sendto = libc('sendto', 'int', ['int', 'uintptr_t', 'int', 'int', 'uintptr_t', 'int']);

const SOL_IP = 0;
const SOL_IPV6 = 41;
const IP_ORIGDSTADDR = 20;
const IPV6_ORIGDSTADDR = 74;

const incoming = new MessageHeader(SOCKET_ADDRESS_BYTES, controlSpace(SOCKET_ADDRESS_BYTES));
const destination = allocate(32);

/**
 * Receives one datagram to `address`. Returns its length, -EAGAIN when none waits, or another negative errno (a UDP
 * socket also reports here that an earlier send was refused). A datagram longer than `length` is cut; `datagramWasCut`.
 */
export function receiveDatagram(fd: number, address: number, length: number): number {
  incoming.set(address, length, SOCKET_ADDRESS_BYTES, incoming.control.bytes.length);
  const count = recvmsg(fd, incoming.address, MSG_DONTWAIT);
  if (count >= 0) return count;
  const errno = lastErrno();
  return errno === EINTR ? -EAGAIN : -errno;
}

/** The sender of the last datagram. */
export function datagramSource(): SocketAddress {
  return readSocketAddress(incoming.name.bytes, 0);
}

/** The destination the last datagram had before a transparent redirection, if the socket asks for it. */
export function datagramOriginalDestination(): SocketAddress | undefined {
  if (incoming.controlLength < CONTROL_HEADER_BYTES) return undefined;
  const control = incoming.control.bytes;
  const level = control.readInt32LE(8);
  const type = control.readInt32LE(12);
  const told = (level === SOL_IP && type === IP_ORIGDSTADDR) || (level === SOL_IPV6 && type === IPV6_ORIGDSTADDR);
  return told && readPointer(control, 0) > CONTROL_HEADER_BYTES
    ? readSocketAddress(control, CONTROL_HEADER_BYTES)
    : undefined;
}

/** Whether the last datagram was longer than the memory it was received to. */
export function datagramWasCut(): boolean {
  return (incoming.flags & MSG_TRUNC) !== 0;
}

/**
 * Sends one datagram. Returns its length or a negative errno (-EAGAIN: dropped, the queue of the device is full).
 * `family` is that of the socket, see `writeSocketAddress`.
 */
export function sendDatagram(
  fd: number,
  address: number,
  length: number,
  to: SocketAddress,
  family?: AddressFamily,
): number {
  const size = writeSocketAddress(destination.bytes, 0, to, family);
  const count = sendto(fd, address, length, MSG_DONTWAIT | MSG_NOSIGNAL, destination.address, size);
  return count >= 0 ? count : -lastErrno();
}
