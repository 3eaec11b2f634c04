import type { IpAddress, SocketAddress } from '@ambit/core/address';
import { ipFromBytes } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { close } from './descriptor.ts';
import { ENOENT, SystemCallError } from './errno.ts';
import { allocate, type Memory } from './memory.ts';
import { inNamespace } from './namespace.ts';
import { openSocket, recv, send, SOCK_RAW, socketError } from './socket.ts';
import { AF_INET, AF_INET6, type AddressFamily } from './socket-address.ts';

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h; what is not an address or a port is little-endian here.
const AF_NETLINK = 16;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const IPPROTO_TCP = 6;
/** struct nlmsghdr {u32 length; u16 type; u16 flags; u32 sequence; u32 port} */
const HEADER_BYTES = 16;
/** struct inet_diag_req_v2 {u8 family; u8 protocol; u8 extensions; u8 pad; u32 states; struct inet_diag_sockid id} */
const REQUEST_BYTES = HEADER_BYTES + 8 + 48;
/** struct inet_diag_sockid {be16 sport; be16 dport; u8 source[16]; u8 destination[16]; u32 interface; u32 cookie[2]} */
const ID_BYTES = 48;
/** Where the id stands in struct inet_diag_msg {u8 family; u8 state; u8 timer; u8 retransmissions; id; …}. */
const ID_OFFSET = HEADER_BYTES + 4;
/** The kernel answers in parts of at most 32 KiB. */
const ANSWER_BYTES = 64 << 10;

/** TCP states as in net/tcp_states.h. */
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_RECV = 3;
export const TCP_FIN_WAIT1 = 4;
export const TCP_FIN_WAIT2 = 5;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LISTEN = 10;

/** A TCP socket of a network namespace, whichever process it belongs to. v4-mapped addresses are IPv4. */
export interface TcpSocket {
  readonly state: number;
  readonly local: SocketAddress;
  /** `0.0.0.0` or `::`, port 0, of a listening one. */
  readonly remote: SocketAddress;
  readonly family: AddressFamily;
  /** The kernel's name of this very socket; no later one has the same. */
  readonly id: Uint8Array;
}

const outgoing: Memory = allocate(REQUEST_BYTES);
let incoming: Memory | undefined;

/** All TCP sockets of a network namespace, listening and closing ones included. Throws `AMBIT_SYSCALL`. */
export function tcpSocketsOf(namespace: number): TcpSocket[] {
  return withDiagnosis(namespace, (fd) => {
    const sockets: TcpSocket[] = [];
    for (const family of [AF_INET, AF_INET6] as const) {
      request(fd, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, family);
      receive(fd, (bytes, at) => {
        sockets.push(readSocket(bytes, at, family));
      });
    }
    return sockets;
  });
}

/**
 * Ends a socket of a network namespace, as if its peer had reset it: its owner sees ECONNABORTED, its peer RST. False when it
 * is there no more. Needs CAP_NET_ADMIN. Throws `AMBIT_SYSCALL` (EOPNOTSUPP: a kernel without CONFIG_INET_DIAG_DESTROY).
 */
export function destroyTcpSocket(namespace: number, socket: TcpSocket): boolean {
  return withDiagnosis(namespace, (fd) => {
    request(fd, SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, socket.family, socket.id);
    try {
      receive(fd, () => undefined);
      return true;
    } catch (error) {
      if (error instanceof SystemCallError && error.errno === ENOENT) return false;
      throw error;
    }
  });
}

/** Runs `run` with a netlink socket of the namespace. */
function withDiagnosis<T>(namespace: number, run: (fd: number) => T): T {
  const fd = inNamespace(namespace, () => openSocket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
  try {
    return run(fd);
  } finally {
    close(fd);
  }
}

function request(fd: number, type: number, flags: number, family: AddressFamily, id?: Uint8Array): void {
  outgoing.bytes.fill(0);
  outgoing.bytes.writeUInt32LE(REQUEST_BYTES, 0);
  outgoing.bytes.writeUInt16LE(type, 4);
  outgoing.bytes.writeUInt16LE(flags, 6);
  outgoing.bytes.writeUInt8(family, HEADER_BYTES);
  outgoing.bytes.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1);
  // Of all states.
  outgoing.bytes.writeUInt32LE(0xffff_ffff, HEADER_BYTES + 4);
  if (id !== undefined) outgoing.bytes.set(id, HEADER_BYTES + 8);
  const sent = send(fd, outgoing.address, REQUEST_BYTES);
  if (sent < 0) throw socketError('send', sent, 'NETLINK_SOCK_DIAG');
}

/** Reads the whole answer to a request; the kernel has it ready. Throws what it says went wrong. */
function receive(fd: number, onSocket: (bytes: Buffer, at: number) => void): void {
  incoming ??= allocate(ANSWER_BYTES);
  const { bytes, address } = incoming;
  for (;;) {
    const length = recv(fd, address, ANSWER_BYTES);
    if (length < 0) throw socketError('recv', length, 'NETLINK_SOCK_DIAG');
    for (let at = 0; at + HEADER_BYTES <= length; ) {
      const size = bytes.readUInt32LE(at);
      if (size < HEADER_BYTES || at + size > length)
        throw new AmbitError('AMBIT_SOCKET_DIAGNOSIS', `a netlink message of ${size} bytes does not fit`, {
          source: 'system',
        });
      const type = bytes.readUInt16LE(at + 4);
      // Both begin with a negative errno; 0 is success.
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const errno = size >= HEADER_BYTES + 4 ? bytes.readInt32LE(at + HEADER_BYTES) : 0;
        if (errno < 0) throw socketError('NETLINK_SOCK_DIAG', errno, 'TCP');
        return;
      }
      if (type === SOCK_DIAG_BY_FAMILY && size >= ID_OFFSET + ID_BYTES) onSocket(bytes, at);
      // Messages begin at multiples of four.
      at += (size + 3) & ~3;
    }
  }
}

function readSocket(bytes: Buffer, at: number, family: AddressFamily): TcpSocket {
  const id = at + ID_OFFSET;
  const end = (portAt: number, ipAt: number): SocketAddress => ({
    ip: family === AF_INET ? ipText(bytes, ipAt, 4) : ipv6Text(bytes, ipAt),
    port: bytes.readUInt16BE(portAt),
  });
  return {
    state: bytes.readUInt8(at + HEADER_BYTES + 1),
    local: end(id, id + 4),
    remote: end(id + 2, id + 20),
    family,
    id: Uint8Array.prototype.slice.call(bytes, id, id + ID_BYTES),
  };
}

/** Most connections of a dual-stack server are IPv4, and their text is a good deal cheaper. */
function ipv6Text(bytes: Buffer, at: number): IpAddress {
  const mapped =
    bytes.readUInt32LE(at) === 0 && bytes.readUInt32LE(at + 4) === 0 && bytes.readUInt32BE(at + 8) === 0xffff;
  return mapped ? ipText(bytes, at + 12, 4) : ipText(bytes, at, 16);
}

function ipText(bytes: Buffer, at: number, length: 4 | 16): IpAddress {
  return ipFromBytes(bytes.subarray(at, at + length)) ?? '::';
}
