import {
  type IpAddress,
  ipToBytes,
  isIpv6,
  isLinkLocal,
  isLoopback,
  isUnspecified,
  parseIp,
} from '@ambit/core/address';

/**
 * Where clouds tell machines who they are, and give them credentials, outside of the link-local range: Alibaba Cloud, Oracle
 * Cloud, Azure, and AWS and Google Cloud over IPv6.
 */
const METADATA: ReadonlySet<IpAddress> = new Set([
  ...['100.100.100.200', '192.0.0.192', '168.63.129.16'],
  ...['fd00:ec2::254', 'fd20:ce::254'],
]);

/**
 * Why nothing is fetched from an address that an object of some namespace leads to: what answers there answers this machine,
 * and not everybody. Undefined: it may be. Private addresses may be: issuers run in clusters.
 */
export function forbiddenAddress(ip: IpAddress): string | undefined {
  if (isUnspecified(ip) || ip.startsWith('0.')) return 'stands for this machine';
  if (isLoopback(ip)) return 'is a loopback address';
  if (isLinkLocal(ip)) return 'is a link-local address';
  if (METADATA.has(ip)) return 'is where a cloud tells machines their credentials';
  if (!isIpv6(ip)) return Number(ip.split('.', 1)[0]) >= 224 ? multicastOrReserved(ip) : undefined;
  if (/^ff[0-9a-f]{2}:/.test(ip)) return 'is a multicast address';
  const inner = embedded(ipToBytes(ip));
  return inner === undefined ? undefined : forbiddenAddress(inner);
}

/** Addresses that Istio and this controller give to ServiceEntries stand in the reserved range as well. */
function multicastOrReserved(ip: IpAddress): string | undefined {
  if (Number(ip.split('.', 1)[0]) < 240) return 'is a multicast address';
  return ip === '255.255.255.255' ? 'is the broadcast address' : undefined;
}

/** The IPv4 address that an IPv6 one leads to: IPv4-compatible (RFC 4291 2.5.5.1), NAT64 (RFC 6052 2.1), 6to4 (RFC 3056 2). */
function embedded(bytes: Uint8Array): IpAddress | undefined {
  const starts = (...prefix: readonly number[]): boolean => prefix.every((byte, at) => bytes[at] === byte);
  const zero = (from: number, to: number): boolean => bytes.subarray(from, to).every((byte) => byte === 0);
  if (zero(0, 12) || (starts(0, 0x64, 0xff, 0x9b) && zero(4, 12))) return four(bytes, 12);
  return starts(0x20, 0x02) ? four(bytes, 2) : undefined;
}

function four(bytes: Uint8Array, at: number): IpAddress | undefined {
  return parseIp(bytes.subarray(at, at + 4).join('.'));
}
