import { AmbitError } from '@ambit/core/errors';
import { close, guarded } from './descriptor.ts';
import { EAGAIN, EINPROGRESS, EINTR, EMSGSIZE, throwErrno } from './errno.ts';
import { lastErrno, libc } from './internal/library.ts';
import {
  CONTROL_HEADER_BYTES,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
  MessageHeader,
  controlSpace,
} from './internal/message-header.ts';
import { DESCRIPTORS_PER_PACKET } from './limits.ts';
import { allocate, readPointer, writePointer } from './memory.ts';
import { SOCK_NONBLOCK_CLOEXEC, SOCK_SEQPACKET, openSocket } from './socket.ts';
import { AF_UNIX } from './socket-address.ts';

const bindCall = libc('bind', 'int', ['int', 'uintptr_t', 'int']);
const listenCall = libc('listen', 'int', ['int', 'int']);
const connectCall = libc('connect', 'int', ['int', 'uintptr_t', 'int']);
const accept4Call = libc('accept4', 'int', ['int', 'uintptr_t', 'uintptr_t', 'int']);
const socketpair = libc('socketpair', 'int', ['int', 'int', 'int', 'uintptr_t']);
const sendmsg = libc('sendmsg', 'int', ['int', 'uintptr_t', 'int']);
const recvmsg = libc('recvmsg', 'int', ['int', 'uintptr_t', 'int']);
const getsockopt = libc('getsockopt', 'int', ['int', 'int', 'int', 'uintptr_t', 'uintptr_t']);

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_PEERCRED = 17;
/** sizeof sun_path. */
const PATH_BYTES = 108;

const address = allocate(2 + PATH_BYTES);
const credentials = allocate(16);
const outgoing = new MessageHeader(8, controlSpace(DESCRIPTORS_PER_PACKET * 4));
const incoming = new MessageHeader(8, controlSpace(DESCRIPTORS_PER_PACKET * 4));
let received: number[] = [];

/** Listens on a path, which must not exist. A path that starts with `@` is in the abstract name space. */
export function listenSeqpacket(path: string, backlog: number): number {
  return guarded(openSocket(AF_UNIX, SOCK_SEQPACKET), (fd) => {
    if (bindCall(fd, address.address, writePath(path)) < 0) throwErrno('bind', path);
    if (listenCall(fd, backlog) < 0) throwErrno('listen', path);
  });
}

/** Connects to a listener; a local connection is made or refused at once. Throws `AMBIT_SYSCALL`. */
export function connectSeqpacket(path: string): number {
  return guarded(openSocket(AF_UNIX, SOCK_SEQPACKET), (fd) => {
    if (connectCall(fd, address.address, writePath(path)) < 0 && lastErrno() !== EINPROGRESS)
      throwErrno('connect', path);
  });
}

/** The next connection of a listener, or a negative errno. */
export function acceptSeqpacket(fd: number): number {
  const connection = accept4Call(fd, 0, 0, SOCK_NONBLOCK_CLOEXEC);
  return connection >= 0 ? connection : -lastErrno();
}

/** Two connected sockets. */
export function seqpacketPair(): readonly [number, number] {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK_CLOEXEC, 0, credentials.address) < 0) throwErrno('socketpair');
  return [credentials.bytes.readInt32LE(0), credentials.bytes.readInt32LE(4)];
}

/**
 * Sends one packet with duplicates of `descriptors` (at most `DESCRIPTORS_PER_PACKET`). Returns its length or a
 * negative errno: -EAGAIN when the peer's queue is full, -EPIPE when it is gone, -EMSGSIZE when the packet is too long.
 */
export function sendPacket(fd: number, data: number, length: number, descriptors: readonly number[] = []): number {
  if (descriptors.length > DESCRIPTORS_PER_PACKET) {
    throw new AmbitError(
      'AMBIT_UNIX_PACKET',
      `${descriptors.length} descriptors in one packet, at most ${DESCRIPTORS_PER_PACKET} are possible`,
    );
  }
  const dataLength = descriptors.length * 4;
  outgoing.set(data, length, 0, descriptors.length === 0 ? 0 : controlSpace(dataLength));
  if (descriptors.length > 0) {
    const control = outgoing.control.bytes;
    control.fill(0);
    writePointer(control, 0, CONTROL_HEADER_BYTES + dataLength);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    descriptors.forEach((descriptor, index) => control.writeInt32LE(descriptor, CONTROL_HEADER_BYTES + index * 4));
  }
  const count = sendmsg(fd, outgoing.address, MSG_DONTWAIT | MSG_NOSIGNAL);
  return count >= 0 ? count : -lastErrno();
}

/**
 * Receives one packet to `data` with at most `maxDescriptors` descriptors, which are close-on-exec; fetch them with
 * `takeDescriptors`. Returns the length, 0 when the peer has closed, -EAGAIN when nothing is there, -EMSGSIZE when
 * packet or descriptors were cut (what came with it is closed), or another negative errno.
 */
export function receivePacket(fd: number, data: number, length: number, maxDescriptors: number): number {
  discardDescriptors();
  incoming.set(
    data,
    length,
    0,
    maxDescriptors === 0 ? 0 : controlSpace(Math.min(maxDescriptors, DESCRIPTORS_PER_PACKET) * 4),
  );
  const count = recvmsg(fd, incoming.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0) {
    const errno = lastErrno();
    return errno === EINTR ? -EAGAIN : -errno;
  }
  collectDescriptors();
  // The kernel rounds the room for descriptors up to 8 bytes, so one more than asked for may have come.
  if ((incoming.flags & (MSG_TRUNC | MSG_CTRUNC)) === 0 && received.length <= maxDescriptors) return count;
  discardDescriptors();
  return -EMSGSIZE;
}

/** The descriptors of the last packet; from now on they are the caller's. Those not taken are closed by the next receive. */
export function takeDescriptors(): number[] {
  const taken = received;
  received = [];
  return taken;
}

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who connected, as the kernel saw it at that moment (SO_PEERCRED). */
export function peerCredentials(fd: number): PeerCredentials {
  credentials.bytes.writeInt32LE(12, 12);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials.address, credentials.address + 12) < 0)
    throwErrno('getsockopt', 'SO_PEERCRED');
  const { bytes } = credentials;
  return { pid: bytes.readInt32LE(0), uid: bytes.readUInt32LE(4), gid: bytes.readUInt32LE(8) };
}

function collectDescriptors(): void {
  const control = incoming.control.bytes;
  const end = incoming.controlLength;
  for (let offset = 0; offset + CONTROL_HEADER_BYTES <= end; ) {
    const length = readPointer(control, offset);
    if (length < CONTROL_HEADER_BYTES) return;
    if (control.readInt32LE(offset + 8) === SOL_SOCKET && control.readInt32LE(offset + 12) === SCM_RIGHTS) {
      for (let at = offset + CONTROL_HEADER_BYTES; at + 4 <= offset + length; at += 4)
        received.push(control.readInt32LE(at));
    }
    offset += Math.ceil(length / 8) * 8;
  }
}

function discardDescriptors(): void {
  for (const descriptor of received) close(descriptor);
  received = [];
}

function writePath(path: string): number {
  const name = Buffer.from(path);
  if (name.length === 0 || name.length >= PATH_BYTES) {
    throw new AmbitError('AMBIT_UNIX_PATH', `${JSON.stringify(path)}: a socket path has 1 to ${PATH_BYTES - 1} bytes`, {
      source: 'configuration',
    });
  }
  address.bytes.fill(0);
  address.bytes.writeUInt16LE(AF_UNIX, 0);
  name.copy(address.bytes, 2);
  if (!path.startsWith('@')) return 2 + name.length + 1;
  address.bytes[2] = 0;
  return 2 + name.length;
}
