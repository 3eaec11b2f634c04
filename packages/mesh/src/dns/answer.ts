import { type IpAddress, isIpv6 } from '@ambit/core/address';
import type { Client } from '../client.ts';
import { DNS_ADDRESSES, DNS_TTL_SECONDS } from '../limits.ts';
import type { MeshStore } from '../mesh-store.ts';
import type { Service } from '../service.ts';
import { preferred } from '../store/service-store.ts';
import type { Workload } from '../workload.ts';
import { type Alias, aliasesOf, wildcardsOf } from './names.ts';

export interface DnsQuestion {
  /** As asked, with or without final dot, in any case. */
  readonly name: string;
  /** Anything but A and AAAA is forwarded. */
  readonly type: 'A' | 'AAAA' | 'other';
}

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ttl: number; readonly address: IpAddress }
  | { readonly type: 'CNAME'; readonly name: string; readonly ttl: number; readonly target: string };

/**
 * `answer`: authoritative records. `empty`: the name exists, with no address of this family (NOERROR without records).
 * `forward`: not ours; ask upstream, byte for byte. `servfail`: nothing can be said yet.
 */
export type DnsAnswer =
  | { readonly kind: 'answer'; readonly records: readonly DnsRecord[] }
  | { readonly kind: 'empty' }
  | { readonly kind: 'forward' }
  | { readonly kind: 'servfail' };

export interface DnsOptions {
  /** False answers every AAAA question about mesh names with nothing. Default true. */
  readonly ipv6?: boolean;
  /** Uniform in [0, 1); addresses are shuffled by it. */
  readonly random: () => number;
}

interface Found {
  readonly alias: Alias;
  readonly wildcard: boolean;
  readonly target: { kind: 'service'; service: Service } | { kind: 'workload'; workload: Workload };
}

const FORWARD: DnsAnswer = { kind: 'forward' };
const EMPTY: DnsAnswer = { kind: 'empty' };

/** Answers a question of a pod from the same model that routes its connections. */
export function answerDns(
  store: MeshStore,
  client: Client | undefined,
  question: DnsQuestion,
  options: DnsOptions,
): DnsAnswer {
  if (question.type === 'other') return FORWARD;
  if (client === undefined) return { kind: 'servfail' };
  const found = find(store, client, question.name);
  if (found === undefined) return FORWARD;
  const addresses = addressesOf(store, client, found.target);
  if (addresses === undefined) return FORWARD;
  const six = question.type === 'AAAA';
  if (six && options.ipv6 === false) return EMPTY;
  const fitting = addresses.filter((ip) => isIpv6(ip) === six);
  if (fitting.length === 0) return EMPTY;
  shuffle(fitting, options.random);
  const records: DnsRecord[] = [];
  let owner = question.name;
  // A wildcard has no single name to point to, so that the addresses stand under the name that was asked.
  if (found.alias.stripped !== undefined && !found.wildcard) {
    const target = question.name.endsWith('.') ? `${found.alias.stripped}.` : found.alias.stripped;
    records.push({ type: 'CNAME', name: question.name, ttl: DNS_TTL_SECONDS, target });
    owner = target;
  }
  for (const address of fitting.slice(0, DNS_ADDRESSES)) {
    records.push({ type: question.type, name: owner, ttl: DNS_TTL_SECONDS, address });
  }
  return { kind: 'answer', records };
}

function find(store: MeshStore, client: Client, asked: string): Found | undefined {
  const name = (asked.endsWith('.') ? asked.slice(0, -1) : asked).toLowerCase();
  if (name.length === 0) return undefined;
  const { namespace } = client.identity;
  for (const alias of aliasesOf(name, namespace, store.clusterDomain)) {
    for (const candidate of wildcardsOf(alias.name)) {
      const wildcard = candidate.startsWith('*');
      const services = store.services.byHostname(candidate);
      const service = preferred(services, namespace, store.preferredServiceNamespace)?.model;
      if (service !== undefined) return { alias, wildcard, target: { kind: 'service', service } };
      const [workload] = store.workloads.byHostname(candidate);
      if (workload !== undefined) return { alias, wildcard, target: { kind: 'workload', workload: workload.model } };
    }
  }
  return undefined;
}

/** The addresses of both families; undefined when the mesh has none to give and somebody else may. */
function addressesOf(store: MeshStore, client: Client, target: Found['target']): IpAddress[] | undefined {
  if (target.kind === 'workload') {
    const { addresses, resolution } = target.workload;
    // Who resolves a name for the mesh has no more to say about it than who is asked.
    return addresses.length === 0 || resolution !== undefined ? undefined : [...addresses];
  }
  const { service } = target;
  const { network } = client.scopes;
  const vips = service.addresses.filter(({ prefixLength }) => prefixLength === undefined);
  if (vips.length > 0) return vips.filter((vip) => vip.network === network).map(({ ip }) => ip);
  const inCluster = service.hostname.endsWith(`.${store.clusterDomain}`);
  if (service.addresses.length > 0 || !inCluster) return undefined;
  return headlessAddresses(store, service, network);
}

function headlessAddresses(store: MeshStore, service: Service, network: string): IpAddress[] {
  const addresses: IpAddress[] = [];
  for (const { model } of store.endpoints(service.key)?.members() ?? []) {
    if (!model.healthy && !service.loadBalancing.allowUnhealthy) continue;
    if (model.network === network) addresses.push(...model.addresses);
  }
  return addresses;
}

function shuffle(list: unknown[], random: () => number): void {
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [list[last], list[other]] = [list[other], list[last]];
  }
}
