import { type SocketAddress, ipToBytes, isIpv6 } from './address.ts';

/** Signature of version 2 (PROXY protocol of HAProxy 2.2). */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Version 2, command PROXY. */
const VERSION_AND_COMMAND = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/**
 * The header of the PROXY protocol (HAProxy, versions 1 and 2) that tells a server who its client is: `source`, which dialled
 * `destination`. Addresses of different families are both written as IPv6.
 */
export function proxyHeader(version: 'v1' | 'v2', source: SocketAddress, destination: SocketAddress): Buffer {
  const wide = isIpv6(source.ip) || isIpv6(destination.ip);
  if (version === 'v1') {
    const [from, to] = [source.ip, destination.ip].map((ip) => (wide && !isIpv6(ip) ? `::ffff:${ip}` : ip));
    return Buffer.from(`PROXY TCP${wide ? '6' : '4'} ${from} ${to} ${source.port} ${destination.port}\r\n`, 'latin1');
  }
  const addresses = Buffer.concat([source.ip, destination.ip].map((ip) => octetsOf(ip, wide)));
  const header = Buffer.alloc(SIGNATURE.length + 4 + addresses.length + 4);
  let at = SIGNATURE.copy(header);
  at = header.writeUInt8(VERSION_AND_COMMAND, at);
  at = header.writeUInt8(wide ? TCP_OVER_IPV6 : TCP_OVER_IPV4, at);
  at = header.writeUInt16BE(addresses.length + 4, at);
  at += addresses.copy(header, at);
  at = header.writeUInt16BE(source.port, at);
  header.writeUInt16BE(destination.port, at);
  return header;
}

function octetsOf(ip: SocketAddress['ip'], wide: boolean): Uint8Array {
  const octets = ipToBytes(ip);
  return wide && octets.length === 4 ? Buffer.concat([MAPPED, octets]) : octets;
}

/** ::ffff:0:0/96, IPv4 addresses written as IPv6 (RFC 4291 2.5.5.2). */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');
