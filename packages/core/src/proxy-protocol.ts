import { type SocketAddress, ipToBytes, isIpv6 } from './address.ts';

/** Signature of version 2 (PROXY protocol of HAProxy 2.2). */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Version 2, command PROXY. */
const VERSION_AND_COMMAND = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** The client's identity; in the range for applications (2.2.7 there). */
const TLV_PRINCIPAL = 0xd0;

/**
 * The header of the PROXY protocol (HAProxy, versions 1 and 2) that tells a server who its client is: `source`, which dialled
 * `destination`. Addresses of different families are both written as IPv6. `principal`: who it has proven to be, a SPIFFE URI; version
 * 2 says it in the field of Istio's, version 1 has none for it.
 */
export function proxyHeader(
  version: 'v1' | 'v2',
  source: SocketAddress,
  destination: SocketAddress,
  principal?: string,
): Buffer {
  const wide = isIpv6(source.ip) || isIpv6(destination.ip);
  if (version === 'v1') {
    const [from, to] = [source.ip, destination.ip].map((ip) => (wide && !isIpv6(ip) ? `::ffff:${ip}` : ip));
    return Buffer.from(`PROXY TCP${wide ? '6' : '4'} ${from} ${to} ${source.port} ${destination.port}\r\n`, 'latin1');
  }
  const addresses = Buffer.concat([source.ip, destination.ip].map((ip) => octetsOf(ip, wide)));
  const identity = principal === undefined ? NOTHING : principalField(principal);
  const header = Buffer.alloc(SIGNATURE.length + 4 + addresses.length + 4 + identity.length);
  let at = SIGNATURE.copy(header);
  at = header.writeUInt8(VERSION_AND_COMMAND, at);
  at = header.writeUInt8(wide ? TCP_OVER_IPV6 : TCP_OVER_IPV4, at);
  at = header.writeUInt16BE(addresses.length + 4 + identity.length, at);
  at += addresses.copy(header, at);
  at = header.writeUInt16BE(source.port, at);
  at = header.writeUInt16BE(destination.port, at);
  identity.copy(header, at);
  return header;
}

function principalField(principal: string): Buffer {
  const text = Buffer.from(principal, 'utf8');
  return Buffer.concat([Buffer.from([TLV_PRINCIPAL, text.length >>> 8, text.length & 0xff]), text]);
}

function octetsOf(ip: SocketAddress['ip'], wide: boolean): Uint8Array {
  const octets = ipToBytes(ip);
  return wide && octets.length === 4 ? Buffer.concat([MAPPED, octets]) : octets;
}

const NOTHING = Buffer.alloc(0);

/** ::ffff:0:0/96, IPv4 addresses written as IPv6 (RFC 4291 2.5.5.2). */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');
