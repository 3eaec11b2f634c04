import type { IpAddress } from '@ambit/core/address';
import { type IpPacket, parseFrame } from './packet.ts';
import { OrderedStream } from './stream.ts';
import { TlsWitness } from './tls-witness.ts';

const HBONE_PORT = 15008;
/** Findings beyond this many are counted, not kept. */
const KEPT_PROBLEMS = 20;

/** What was seen on the link. */
export interface LinkReport {
  /** Packets between two meshed pods. */
  readonly meshedPackets: number;
  /** Connections to 15008 between meshed pods that were seen from their first byte, both ways. */
  readonly tunnels: number;
  readonly tlsRecords: number;
  /** How often the marker was seen between pods of which at least one is not in the mesh: shows that the capture is not blind. */
  readonly markersOutside: number;
  /** What should not be there; empty when all is well. */
  readonly problems: readonly string[];
}

/**
 * Judges every packet on the link between the nodes: between addresses of meshed pods there is nothing but TLS 1.3
 * to or from port 15008, and never the marker that the requests carry.
 */
export class LinkWitness {
  readonly #meshed: ReadonlySet<IpAddress>;
  readonly #marker: Buffer;
  readonly #directions = new Map<string, Direction>();
  readonly #problems = new Set<string>();
  #meshedPackets = 0;
  #markersOutside = 0;

  constructor(meshed: Iterable<IpAddress>, marker: string) {
    this.#meshed = new Set(meshed);
    this.#marker = Buffer.from(marker, 'latin1');
  }

  /** Takes one Ethernet frame as captured. */
  frame(frame: Buffer): void {
    const packet = parseFrame(frame);
    if (packet === undefined) return;
    if (this.#meshed.has(packet.source) && this.#meshed.has(packet.destination)) {
      this.#meshedPackets += 1;
      this.#judge(packet);
    } else if (packet.payload.includes(this.#marker)) this.#markersOutside += 1;
  }

  report(): LinkReport {
    let records = 0;
    let complete = 0;
    for (const { tls, stream } of this.#directions.values()) {
      records += tls.records;
      if (!stream.lost && tls.records > 1) complete += 1;
    }
    return {
      meshedPackets: this.#meshedPackets,
      tunnels: Math.floor(complete / 2),
      tlsRecords: records,
      markersOutside: this.#markersOutside,
      problems: [...this.#problems],
    };
  }

  #judge(packet: IpPacket): void {
    const { tcp } = packet;
    if (packet.payload.includes(this.#marker)) {
      this.#problem(`${packet.source} to ${packet.destination}: the marker in clear`);
    }
    if (tcp === undefined) {
      this.#problem(`${packet.source} to ${packet.destination}: IP protocol ${packet.protocol}`);
      return;
    }
    const name = `${packet.source}:${tcp.sourcePort} to ${packet.destination}:${tcp.destinationPort}`;
    if (tcp.sourcePort !== HBONE_PORT && tcp.destinationPort !== HBONE_PORT) {
      this.#problem(`${name}: neither end is port ${HBONE_PORT}`);
      return;
    }
    // A new connection may reuse the ports of an old one.
    if (tcp.syn) this.#directions.set(name, new Direction(tcp.sequence, this.#marker));
    const direction = this.#directions.get(name);
    if (direction === undefined) return;
    direction.stream.segment(tcp.syn ? tcp.sequence + 1 : tcp.sequence, tcp.payload);
    if (direction.tls.problem !== undefined) this.#problem(`${name}: ${direction.tls.problem}`);
    if (direction.markerSeen) this.#problem(`${name}: the marker in clear, across packets`);
  }

  #problem(text: string): void {
    if (this.#problems.size < KEPT_PROBLEMS) this.#problems.add(text);
  }
}

/** One direction of one tunnel. */
class Direction {
  readonly tls: TlsWitness = new TlsWitness();
  readonly stream: OrderedStream;
  markerSeen = false;
  #tail: Buffer = Buffer.alloc(0);

  constructor(synSequence: number, marker: Buffer) {
    this.stream = new OrderedStream(synSequence, (bytes) => {
      this.tls.receive(bytes);
      const joined = Buffer.concat([this.#tail, bytes]);
      this.markerSeen ||= joined.includes(marker);
      this.#tail = joined.subarray(Math.max(0, joined.length - marker.length + 1));
    });
  }
}
