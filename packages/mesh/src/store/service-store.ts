import type { IpAddress } from '@ambit/core/address';
import { type Cidr, parseCidr } from '@ambit/core/cidr';
import { AddressBits } from '../address-bits.ts';
import { PrefixTable } from '../prefix-table.ts';
import type { ServiceKeys } from '../resource/keys.ts';
import type { Service, ServiceAddress } from '../service.ts';
import { ManyIndex } from './many-index.ts';
import type { StoredResource } from './stored-resource.ts';

export type StoredService = StoredResource<ServiceKeys, Service>;

class NetworkServices {
  readonly exact = new ManyIndex<StoredService>();
  readonly ranges: PrefixTable<StoredService> = new PrefixTable();
}

/** Services by `namespace/hostname`, by hostname, and by address: exact ones and ranges. */
export class ServiceStore {
  readonly #byKey = new Map<string, StoredService>();
  readonly #byHostname = new ManyIndex<StoredService>();
  readonly #byNetwork = new Map<string, NetworkServices>();
  readonly #bits = new AddressBits();

  get size(): number {
    return this.#byKey.size;
  }

  /** In the order of their last change. */
  all(): MapIterator<StoredService> {
    return this.#byKey.values();
  }

  byKey(key: string): StoredService | undefined {
    return this.#byKey.get(key);
  }

  /** The service with exactly this address that a client of `clientNamespace` means. */
  byAddress(network: string, ip: IpAddress, clientNamespace: string): StoredService | undefined {
    const services = this.#byNetwork.get(network);
    if (services === undefined) return undefined;
    return preferred(services.exact.all(ip), clientNamespace);
  }

  /** Every service with exactly this address, whoever may see it. */
  allByAddress(network: string, ip: IpAddress): readonly StoredService[] {
    return this.#byNetwork.get(network)?.exact.all(ip) ?? [];
  }

  /** The service with the longest range that holds this address. */
  byRange(network: string, ip: IpAddress, clientNamespace: string): StoredService | undefined {
    const ranges = this.#byNetwork.get(network)?.ranges;
    if (ranges === undefined || ranges.empty) return undefined;
    return ranges.longest(this.#bits.read(ip), preferred, clientNamespace);
  }

  /** Every service with this hostname, whoever may see it. `hostname` is lower case. */
  byHostname(hostname: string): readonly StoredService[] {
    return this.#byHostname.all(hostname);
  }

  put(service: StoredService): void {
    const { key, hostname, addresses } = service.keys;
    this.#byKey.set(key, service);
    this.#byHostname.add(hostname, service);
    for (const address of addresses) {
      let network = this.#byNetwork.get(address.network);
      if (network === undefined) {
        network = new NetworkServices();
        this.#byNetwork.set(address.network, network);
      }
      const range = rangeOf(address);
      if (range === undefined) network.exact.add(address.ip, service);
      else network.ranges.add(range, service);
    }
  }

  /** Returns what was removed. */
  remove(key: string): StoredService | undefined {
    const service = this.#byKey.get(key);
    if (service === undefined) return undefined;
    this.#byKey.delete(key);
    this.#byHostname.remove(service.keys.hostname, service);
    for (const address of service.keys.addresses) {
      const network = this.#byNetwork.get(address.network);
      const range = rangeOf(address);
      if (range === undefined) network?.exact.remove(address.ip, service);
      else network?.ranges.remove(range, service);
    }
    return service;
  }
}

/**
 * Which of several services a client means: that of its own namespace, else the canonical one, else one in
 * `preferredNamespace`, else the first by name. Services of other namespaces that are private to them do not count.
 */
export function preferred(
  services: readonly StoredService[],
  clientNamespace: string,
  preferredNamespace?: string,
): StoredService | undefined {
  let best: StoredService | undefined;
  let bestRank = -1;
  for (const service of services) {
    const { namespace, namespaceOnly, canonical, key } = service.keys;
    const own = namespace === clientNamespace;
    if (namespaceOnly && !own) continue;
    const rank = own ? 3 : canonical ? 2 : namespace === preferredNamespace ? 1 : 0;
    if (rank > bestRank || (rank === bestRank && best !== undefined && key < best.keys.key)) {
      best = service;
      bestRank = rank;
    }
  }
  return best;
}

/** The range of an address; undefined when it stands for itself alone. */
function rangeOf({ ip, prefixLength }: ServiceAddress): Cidr | undefined {
  if (prefixLength === undefined || prefixLength === (ip.includes(':') ? 128 : 32)) return undefined;
  return parseCidr(`${ip}/${prefixLength}`);
}
