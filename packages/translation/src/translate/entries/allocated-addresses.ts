import { ipFromBytes, ipToBytes, parseIp } from '@ambit/core/address';
import { cidrContains, parseCidr } from '@ambit/core/cidr';
import type { ServiceEntry } from '../../entry-objects.ts';
import { valueOf } from '../../labels.ts';
import { MAX_ALLOCATED_HOSTS_PER_NAMESPACE } from '../../limits.ts';
import { objectName } from '../../objects.ts';
import { sortedByAge } from '../waypoint/precedence.ts';
import { Room } from './room.ts';

/** Where addresses of ServiceEntries without any come from; as in Istio. */
const RANGE4 = '240.240.0.0/16';
const RANGE6 = '2001:2::/48';
const [PREFIX4, PREFIX6] = [parseCidr(RANGE4), parseCidr(RANGE6)];

/** Numbers of addresses in them: neither the first nor the last of the smaller range. */
const NUMBERS = 65_534;

const OPT_OUT = 'networking.istio.io/enable-autoallocate-ip';

/** An address of each family for a host: the same number in both ranges. */
export type AllocatedPair = readonly [four: string, six: string];

/** Whether the hosts of a ServiceEntry get addresses: it has none, and connections to it need some. */
export function asksForAddresses({ spec, metadata }: ServiceEntry): boolean {
  if ((spec.addresses ?? []).length > 0 || (spec.resolution ?? 'NONE') === 'NONE') return false;
  return valueOf(metadata.labels, OPT_OUT)?.toLowerCase() !== 'false';
}

/**
 * Addresses for all hosts that get some, by `namespace/name host`. What a status tells is kept; the rest follows from names,
 * so that every replica says the same, and says it again after a restart. `taken`: addresses of Services; `written`: those of
 * ServiceEntries, which are not given out, and cannot be taken from whom they were given to. A host is left out when none is
 * left, or when its namespace has as many as it may.
 */
export function allocateAddresses(
  entries: readonly ServiceEntry[],
  taken: Iterable<string>,
  written: Iterable<string>,
): ReadonlyMap<string, AllocatedPair> {
  const used = numbersOf(taken);
  const numbers = new Map<string, number>();
  const asking = sortedByAge(entries.filter((entry) => asksForAddresses(entry))).flatMap((entry) =>
    entry.spec.hosts.map((host) => ({ entry, host: host.toLowerCase() })),
  );
  const room = new Room(MAX_ALLOCATED_HOSTS_PER_NAMESPACE);
  for (const { entry, host } of asking) {
    const kept = keptNumber(entry, host);
    if (kept === undefined || used.has(kept) || !room.admit(entry.metadata.namespace, host)) continue;
    used.add(kept);
    numbers.set(allocationKey(entry, host), kept);
  }
  for (const number of numbersOf(written)) used.add(number);
  for (const { entry, host } of asking) {
    const key = allocationKey(entry, host);
    if (numbers.has(key) || used.size >= NUMBERS || !room.admit(entry.metadata.namespace, host)) continue;
    let number = (hashOf(key) % NUMBERS) + 1;
    while (used.has(number)) number = (number % NUMBERS) + 1;
    used.add(number);
    numbers.set(key, number);
  }
  return new Map(Array.from(numbers, ([key, number]) => [key, pairOf(number)]));
}

export function allocationKey({ metadata }: ServiceEntry, host: string): string {
  return `${objectName(metadata)} ${host}`;
}

/** What was allocated before, as the status tells. */
function keptNumber({ status, spec }: ServiceEntry, host: string): number | undefined {
  for (const { value = '', host: of } of status?.addresses ?? []) {
    const isOf = of === undefined || of === '' ? spec.hosts.length === 1 : of.toLowerCase() === host;
    const number = isOf ? numberOf(value) : undefined;
    if (number !== undefined) return number;
  }
  return undefined;
}

function numbersOf(addresses: Iterable<string>): Set<number> {
  return new Set([...addresses].map((address) => numberOf(address)).filter((number) => number !== undefined));
}

function numberOf(address: string): number | undefined {
  const ip = parseIp(address);
  if (ip === undefined || PREFIX4 === undefined || PREFIX6 === undefined) return undefined;
  if (!cidrContains(PREFIX4, ip) && !cidrContains(PREFIX6, ip)) return undefined;
  const bytes = ipToBytes(ip);
  // Of the wider range only numbers of the other one are given out.
  if (bytes.subarray(6, -2).some((byte) => byte !== 0)) return undefined;
  const number = (bytes.at(-2) ?? 0) * 256 + (bytes.at(-1) ?? 0);
  return number >= 1 && number <= NUMBERS ? number : undefined;
}

function pairOf(number: number): AllocatedPair {
  const low = [number >>> 8, number & 0xff];
  const four = Uint8Array.from([240, 240, ...low]);
  const six = Uint8Array.from([0x20, 0x01, 0, 2, ...Array.from({ length: 10 }, () => 0), ...low]);
  return [ipFromBytes(four) ?? '', ipFromBytes(six) ?? ''];
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
