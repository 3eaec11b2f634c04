import { type IpAddress, ipToBytes } from '@ambit/core/address';

/** An address as numbers, reused so that looking one up costs no object: IPv4 lies in `words[0]`, IPv6 in all four. */
export class AddressBits {
  family: 4 | 6 = 4;
  readonly words: Uint32Array = new Uint32Array(4);

  /** Reads a canonical address. Throws `AMBIT_IP` when it is none. */
  read(ip: IpAddress): this {
    const v4 = readIpv4(ip);
    this.family = v4 < 0 ? 6 : 4;
    if (v4 < 0) {
      this.readBytes(ipToBytes(ip));
    } else {
      this.words[0] = v4;
    }
    return this;
  }

  /** Reads 4 or 16 bytes in network order. */
  readBytes(bytes: Uint8Array): this {
    this.family = bytes.length === 4 ? 4 : 6;
    for (let word = 0; word * 4 < bytes.length; word++) {
      const at = word * 4;
      this.words[word] =
        ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    }
    return this;
  }
}

const DOT = 0x2e;
const ZERO = 0x30;

/** The value of a canonical IPv4 address, or -1 for anything else. */
function readIpv4(text: string): number {
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0 || part > 255) return -1;
      value = value * 256 + part;
      part = 0;
      digits = 0;
      dots++;
    } else {
      const digit = code - ZERO;
      if (digit < 0 || digit > 9 || digits === 3) return -1;
      part = part * 10 + digit;
      digits++;
    }
  }
  if (dots !== 3 || digits === 0 || part > 255) return -1;
  return value * 256 + part;
}
