import type { IpAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';

export type NodeName = 'a' | 'b';

export const NODE_NAMES: readonly NodeName[] = ['a', 'b'];

/**
 * Who has which address. Nodes are joined by one link (eth0, 172.18.0.0/24), over which everything between pods of
 * different nodes passes, and each by another one (ctl) to the fabric, where controller and cluster DNS live.
 */
export interface NodeAddresses {
  /** On the link between the nodes; also the node's InternalIP. */
  readonly ip: IpAddress;
  /** Towards the fabric. */
  readonly control: IpAddress;
  /** First three numbers of the /24 that the node's pods are in. */
  readonly podPrefix: string;
}

export const NODE_ADDRESSES: Readonly<Record<NodeName, NodeAddresses>> = {
  a: { ip: '172.18.0.2', control: '172.18.1.2', podPrefix: '10.244.1' },
  b: { ip: '172.18.0.3', control: '172.18.1.3', podPrefix: '10.244.2' },
};

/** The fabric's address: where the controller listens. */
export const FABRIC_IP: IpAddress = '172.18.1.1';

/** Where cluster DNS listens, as in most clusters. */
export const CLUSTER_DNS_IP: IpAddress = '10.96.0.10';

/** What every pod has as its gateway; each pod's link has it at the node's end. */
export const POD_GATEWAY: IpAddress = '169.254.1.1';

/** Hands out the addresses of one network of 253, each as late as possible again after it was given back. */
export class AddressPool {
  readonly #prefix: string;
  readonly #owners = new Map<number, string>();
  #next: number;
  readonly #first: number;

  /** @param first the first last number that is handed out */
  constructor(prefix: string, first: number) {
    this.#prefix = prefix;
    this.#first = first;
    this.#next = first;
  }

  /** A free address, or the given one. Throws `AMBIT_BED_ADDRESS` when it is taken, foreign, or none is left. */
  take(owner: string, wanted?: IpAddress): IpAddress {
    if (wanted !== undefined) return this.#takeThis(owner, wanted);
    for (let tries = 254 - this.#first; tries >= 0; tries--) {
      const number = this.#next;
      this.#next = number === 254 ? this.#first : number + 1;
      if (!this.#owners.has(number)) {
        this.#owners.set(number, owner);
        return `${this.#prefix}.${number}`;
      }
    }
    throw new AmbitError('AMBIT_BED_ADDRESS', `no address is left in ${this.#prefix}.0/24 for ${owner}`);
  }

  giveBack(ip: IpAddress): void {
    this.#owners.delete(this.#numberOf(ip) ?? -1);
  }

  #takeThis(owner: string, ip: IpAddress): IpAddress {
    const number = this.#numberOf(ip);
    if (number === undefined) {
      throw new AmbitError('AMBIT_BED_ADDRESS', `${owner} cannot have ${ip}: it is not in ${this.#prefix}.0/24`);
    }
    const holder = this.#owners.get(number);
    if (holder !== undefined) {
      throw new AmbitError('AMBIT_BED_ADDRESS', `${owner} cannot have ${ip}: it belongs to ${holder}`);
    }
    this.#owners.set(number, owner);
    return ip;
  }

  #numberOf(ip: IpAddress): number | undefined {
    if (!ip.startsWith(`${this.#prefix}.`)) return undefined;
    const number = Number(ip.slice(this.#prefix.length + 1));
    return Number.isInteger(number) && number >= 1 && number <= 254 ? number : undefined;
  }
}
