import ipaddr from 'ipaddr.js';
import { AmbitError } from './errors.ts';

/** An IP address in canonical text: dotted IPv4, or RFC 5952 IPv6. A v4-mapped IPv6 address is written as IPv4. */
export type IpAddress = string;

export interface SocketAddress {
  readonly ip: IpAddress;
  readonly port: number;
}

/** Canonical text of an address given as text; undefined when it is none (zone ids, short and octal forms are refused). */
export function parseIp(text: string): IpAddress | undefined {
  if (text.includes('%')) return undefined;
  if (text.includes(':')) {
    if (!ipaddr.IPv6.isValid(text)) return undefined;
    return canonical(ipaddr.IPv6.parse(text));
  }
  return parseIpv4(text) === undefined ? undefined : text;
}

/**
 * The bytes of dotted decimal, four parts without leading zeros; undefined for anything else. By hand, because every
 * connection has several addresses to parse.
 */
function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit === -2) {
      if (digits === 0 || part === 3) return undefined;
      bytes[part] = value;
      part += 1;
      digits = 0;
      value = 0;
      continue;
    }
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined;
    value = value * 10 + digit;
    digits += 1;
    if (value > 255) return undefined;
  }
  if (part !== 3 || digits === 0) return undefined;
  bytes[3] = value;
  return bytes;
}

/** Canonical text of 4 or 16 bytes in network order; undefined for any other length. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) return undefined;
  return canonical(new ipaddr.IPv6([...bytes]));
}

/** 4 or 16 bytes in network order of a canonical address. Throws `AMBIT_IP` when it is not one. */
export function ipToBytes(ip: IpAddress): Uint8Array {
  const four = parseIpv4(ip);
  if (four !== undefined) return four;
  if (!ip.includes(':') || !ipaddr.isValid(ip))
    throw new AmbitError('AMBIT_IP', `${JSON.stringify(ip)} is not an IP address`);
  return Uint8Array.from(ipaddr.parse(ip).toByteArray());
}

export function isIpv6(ip: IpAddress): boolean {
  return ip.includes(':');
}

/** 169.254.0.0/16 and fe80::/10: who answers there depends on the machine that asks. */
export function isLinkLocal(ip: IpAddress): boolean {
  return ip.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(ip);
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(ip: IpAddress): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

/** 0.0.0.0 and ::, which stand for the machine itself when they are dialled. */
export function isUnspecified(ip: IpAddress): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

/** `ip:port`, IPv6 in brackets. */
export function formatSocketAddress(address: SocketAddress): string {
  return isIpv6(address.ip) ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`;
}

/** Parses `ip:port` or `[ipv6]:port`; the port is 1 to 65535 without sign or leading zero. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([1-9][0-9]{0,4})$/.exec(text);
  if (match === null) return undefined;
  const ip = parseIp(match[1] ?? match[2] ?? '');
  const port = Number(match[3]);
  if (ip === undefined || port > 65535 || (match[1] !== undefined) !== (match[1] ?? '').includes(':')) return undefined;
  return { ip, port };
}

function canonical(address: ipaddr.IPv6): IpAddress {
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}
