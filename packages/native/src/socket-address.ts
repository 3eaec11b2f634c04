import { type SocketAddress, ipFromBytes, ipToBytes, isIpv6 } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';

// struct sockaddr_in {u16 family; u16 port (network order); u8 address[4]; u8 zero[8]}
// struct sockaddr_in6 {u16 family; u16 port; u32 flow; u8 address[16]; u32 scope}; both the same on all architectures.
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;

/** Bytes to reserve for any IP socket address (struct sockaddr_in6). */
export const SOCKET_ADDRESS_BYTES = 28;

export type AddressFamily = typeof AF_INET | typeof AF_INET6;

export function familyOf(ip: string): AddressFamily {
  return isIpv6(ip) ? AF_INET6 : AF_INET;
}

/**
 * Writes a socket address and returns its length. With `family` AF_INET6 an IPv4 address is written v4-mapped, for
 * dual-stack sockets. Default: the family of the address.
 */
export function writeSocketAddress(
  bytes: Buffer,
  offset: number,
  address: SocketAddress,
  family: AddressFamily = familyOf(address.ip),
): number {
  const ip = octets(address.ip);
  bytes.fill(0, offset, offset + SOCKET_ADDRESS_BYTES);
  bytes.writeUInt16LE(family, offset);
  bytes.writeUInt16BE(address.port, offset + 2);
  if (family === AF_INET) {
    if (ip.length !== 4) throw new AmbitError('AMBIT_SOCKET_FAMILY', `${address.ip} is IPv6, the socket is IPv4`);
    bytes.set(ip, offset + 4);
    return 16;
  }
  if (ip.length === 4) {
    bytes.writeUInt16BE(0xffff, offset + 18);
    bytes.set(ip, offset + 20);
  } else {
    bytes.set(ip, offset + 8);
  }
  return SOCKET_ADDRESS_BYTES;
}

/** The address at `offset`, v4-mapped ones as IPv4. Throws `AMBIT_SOCKET_FAMILY` when it is not an IP address. */
export function readSocketAddress(bytes: Buffer, offset: number): SocketAddress {
  const family = bytes.readUInt16LE(offset);
  const port = bytes.readUInt16BE(offset + 2);
  if (family === AF_INET) return { ip: ipv4Text(bytes, offset + 4), port };
  const ip = family === AF_INET6 ? ipFromBytes(bytes.subarray(offset + 8, offset + 24)) : undefined;
  if (ip === undefined) throw new AmbitError('AMBIT_SOCKET_FAMILY', `address family ${family} is not IP`);
  return { ip, port };
}

/** Addresses that are kept in both forms; connections come from few and go to few. */
const ADDRESSES_KEPT = 4_096;

const texts = new Map<number, string>();
const octetsOf = new Map<string, Uint8Array>();

/** Throws `AMBIT_IP` when it is no canonical address. The caller only reads it. */
function octets(ip: string): Uint8Array {
  let known = octetsOf.get(ip);
  if (known === undefined) {
    known = ipToBytes(ip);
    if (octetsOf.size >= ADDRESSES_KEPT) octetsOf.clear();
    octetsOf.set(ip, known);
  }
  return known;
}

/** The same text for the same address, so that whoever looks something up by it compares no characters. */
function ipv4Text(bytes: Buffer, start: number): string {
  const number = bytes.readUInt32BE(start);
  let text = texts.get(number);
  if (text === undefined) {
    text = `${number >>> 24}.${(number >>> 16) & 0xff}.${(number >>> 8) & 0xff}.${number & 0xff}`;
    if (texts.size >= ADDRESSES_KEPT) texts.clear();
    texts.set(number, text);
  }
  return text;
}
