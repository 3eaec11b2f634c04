import { type IpAddress, ipFromBytes } from '@ambit/core/address';

const ETHERNET_HEADER = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_TCP = 6;

/** A TCP segment. `payload` is a view of the frame. */
export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Sequence number of the first payload byte's place; a SYN takes one place itself. */
  readonly sequence: number;
  readonly syn: boolean;
  readonly payload: Buffer;
}

/** An IP packet taken from a link. */
export interface IpPacket {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** IANA protocol number. */
  readonly protocol: number;
  /** Everything after the IP header. */
  readonly payload: Buffer;
  /** Present for protocol 6, unless a fragment or cut short. */
  readonly tcp?: TcpSegment;
}

/** Reads an Ethernet frame; undefined for everything that is not IP (ARP) or is cut short. */
export function parseFrame(frame: Buffer): IpPacket | undefined {
  if (frame.length < ETHERNET_HEADER + 20) return undefined;
  const packet = frame.subarray(ETHERNET_HEADER);
  switch (frame.readUInt16BE(12)) {
    case ETHERTYPE_IPV4:
      return parseIpv4(packet);
    case ETHERTYPE_IPV6:
      return parseIpv6(packet);
    default:
      return undefined;
  }
}

function parseIpv4(packet: Buffer): IpPacket | undefined {
  const headerLength = (packet.readUInt8(0) & 0x0f) * 4;
  // A packet merged by the kernel beyond 64 KiB has length 0: then the frame says where it ends.
  const totalLength = packet.readUInt16BE(2) || packet.length;
  if (headerLength < 20 || packet.length < totalLength || totalLength < headerLength) return undefined;
  const fragment = (packet.readUInt16BE(6) & 0x3fff) !== 0;
  return ipPacket(
    packet.subarray(12, 16),
    packet.subarray(16, 20),
    packet.readUInt8(9),
    packet.subarray(headerLength, totalLength),
    fragment,
  );
}

function parseIpv6(packet: Buffer): IpPacket | undefined {
  if (packet.length < 40) return undefined;
  const end = 40 + (packet.readUInt16BE(4) || packet.length - 40);
  if (packet.length < end) return undefined;
  return ipPacket(
    packet.subarray(8, 24),
    packet.subarray(24, 40),
    packet.readUInt8(6),
    packet.subarray(40, end),
    false,
  );
}

function ipPacket(
  from: Buffer,
  to: Buffer,
  protocol: number,
  payload: Buffer,
  fragment: boolean,
): IpPacket | undefined {
  const source = ipFromBytes(from);
  const destination = ipFromBytes(to);
  if (source === undefined || destination === undefined) return undefined;
  const tcp = protocol === PROTOCOL_TCP && !fragment ? parseTcp(payload) : undefined;
  return { source, destination, protocol, payload, ...(tcp === undefined ? {} : { tcp }) };
}

function parseTcp(segment: Buffer): TcpSegment | undefined {
  if (segment.length < 20) return undefined;
  const headerLength = (segment.readUInt8(12) >> 4) * 4;
  if (headerLength < 20 || segment.length < headerLength) return undefined;
  return {
    sourcePort: segment.readUInt16BE(0),
    destinationPort: segment.readUInt16BE(2),
    sequence: segment.readUInt32BE(4),
    syn: (segment.readUInt8(13) & 0x02) !== 0,
    payload: segment.subarray(headerLength),
  };
}
