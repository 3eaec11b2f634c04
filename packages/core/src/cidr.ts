import { type IpAddress, ipToBytes, parseIp } from './address.ts';

/** A network prefix: `bytes` (4 or 16, host bits cleared) and how many leading bits count. */
export interface Cidr {
  readonly bytes: Uint8Array;
  readonly prefixLength: number;
}

/** A prefix from raw parts; undefined unless 4 or 16 bytes and a length within them. Host bits are cleared. */
export function cidrFromBytes(bytes: Uint8Array, prefixLength: number): Cidr | undefined {
  if (bytes.length !== 4 && bytes.length !== 16) return undefined;
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bytes.length * 8) return undefined;
  const masked = bytes.map((byte, index) => byte & maskOf(prefixLength - index * 8));
  return { bytes: masked, prefixLength };
}

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address; undefined for everything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const bytes = ipToBytes(ip);
  if (slash < 0) return cidrFromBytes(bytes, bytes.length * 8);
  const length = text.slice(slash + 1);
  return /^(?:0|[1-9][0-9]{0,2})$/.test(length) ? cidrFromBytes(bytes, Number(length)) : undefined;
}

/** Whether an address lies in a prefix; never across address families. */
export function cidrContains(cidr: Cidr, address: IpAddress | Uint8Array): boolean {
  const bytes = typeof address === 'string' ? ipToBytes(address) : address;
  if (bytes.length !== cidr.bytes.length) return false;
  for (let index = 0; index * 8 < cidr.prefixLength; index++) {
    const mask = maskOf(cidr.prefixLength - index * 8);
    if (((bytes[index] ?? 0) & mask) !== cidr.bytes[index]) return false;
  }
  return true;
}

function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
}
