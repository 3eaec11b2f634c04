import { AmbitError } from '@ambit/core/errors';
import type { PodInfo } from '../messages.ts';

/**
 * What proxy and keeper say to each other over a SOCK_SEQPACKET pair: one JSON object in a packet, with descriptors.
 *
 * The proxy hands over what must outlive it (`hold-pod`, `hold-state`), takes it back (`release-pod`) and asks for all
 * of it once, at start (`recall`); the keeper then answers with every pod and state, and `recalled` as the last packet.
 */
export type KeeperPacket =
  | { readonly kind: 'recall' }
  /** Descriptors: network namespace, then the listeners in the order of `listenerLayout`. */
  | { readonly kind: 'hold-pod'; readonly info: PodInfo; readonly layout: ListenerLayout }
  | { readonly kind: 'release-pod'; readonly uid: string }
  /** Descriptor: a sealed memory file. Replaces what was held under the same name. */
  | { readonly kind: 'hold-state'; readonly name: StateName }
  | { readonly kind: 'recalled' }
  /** The proxy is about to end on purpose. The keeper ends with it instead of starting another. */
  | { readonly kind: 'farewell' };

export type StateName = 'certificates' | 'resources';

/** How many DNS listeners follow the three TCP listeners. */
export interface ListenerLayout {
  readonly dnsUdp: number;
  readonly dnsTcp: number;
}

/** Room for a packet; the names in it are bounded by Kubernetes (253 bytes each). */
export const PACKET_BYTES = 4_096;

/** Namespace, three TCP listeners, DNS over UDP and TCP on two loopback addresses. */
export const PACKET_DESCRIPTORS = 8;

export function encodePacket(packet: KeeperPacket): Buffer {
  return Buffer.from(JSON.stringify(packet));
}

/** Reads a packet from the other half of the pair. Throws `AMBIT_KEEPER_PACKET`: the halves are of different versions. */
export function decodePacket(bytes: Buffer): KeeperPacket {
  const value: unknown = parse(bytes);
  if (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    KINDS.has(value.kind)
  ) {
    return value as KeeperPacket;
  }
  throw new AmbitError(
    'AMBIT_KEEPER_PACKET',
    `unknown packet between keeper and proxy: ${bytes.toString('utf8', 0, 100)}`,
  );
}

const KINDS: ReadonlySet<string> = new Set<KeeperPacket['kind']>([
  'recall',
  'hold-pod',
  'release-pod',
  'hold-state',
  'recalled',
  'farewell',
]);

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
