import { ipFromBytes, parseIp } from '@ambit/core/address';
import { parseCidr } from '@ambit/core/cidr';
import type { ServiceEntry, WorkloadEntry } from '../../entry-objects.ts';
import { type Metadata, objectName, type Pod } from '../../objects.ts';
import { compareAge } from '../waypoint/precedence.ts';
import { isPublishedPod, podIps } from '../workload.ts';

/** Whose an address is. */
export class AddressClaims {
  /** By address or prefix; ServiceEntries by `namespace/name`. */
  readonly #owners = new Map<string, string>();
  /** Namespaces of pods by address. */
  readonly #pods = new Map<string, string>();
  /** The oldest WorkloadEntry at an address. */
  readonly #machines = new Map<string, Metadata>();

  constructor(services: ReadonlyMap<string, string>, pods: Iterable<Pod>, machines: Iterable<WorkloadEntry>) {
    for (const [ip, service] of services) this.#owners.set(ip, service);
    for (const pod of pods) {
      if (isPublishedPod(pod)) for (const ip of podIps(pod)) this.#pods.set(ip, pod.metadata.namespace);
    }
    for (const { metadata, spec } of machines) {
      const ip = parseIp(spec.address ?? '');
      const other = ip === undefined ? undefined : this.#machines.get(ip);
      if (ip !== undefined && (other === undefined || compareAge(metadata, other) < 0))
        this.#machines.set(ip, metadata);
    }
  }

  reserve(ip: string, entry: string): void {
    if (!this.#owners.has(ip)) this.#owners.set(ip, entry);
  }

  /** The addresses that a ServiceEntry writes and that are its own. */
  claim({ spec, metadata }: ServiceEntry, remarks: string[]): string[] {
    const name = objectName(metadata);
    return [...new Set((spec.addresses ?? []).map((text) => canonicalAddress(text)))].filter((address) => {
      const owner = this.#owners.get(address);
      const pod = this.#pods.get(address);
      if (owner !== undefined && owner !== name) {
        remarks.push(`address ${address} is that of ${owner.includes(' ') ? owner : `ServiceEntry ${owner}`}`);
        return false;
      }
      if (pod !== undefined && pod !== metadata.namespace) {
        remarks.push(`address ${address} is that of a pod of namespace ${pod}`);
        return false;
      }
      const machine = pod === undefined ? this.#machines.get(address) : undefined;
      if (machine !== undefined && machine.namespace !== metadata.namespace && compareAge(machine, metadata) < 0) {
        remarks.push(`address ${address} is that of WorkloadEntry ${objectName(machine)}`);
        return false;
      }
      this.#owners.set(address, name);
      return true;
    });
  }
}

/** An address, or a prefix that is more than one address, always written in one way. */
export function canonicalAddress(text: string): string {
  const cidr = parseCidr(text);
  if (cidr === undefined) return text;
  const ip = ipFromBytes(cidr.bytes) ?? text;
  return cidr.prefixLength === cidr.bytes.length * 8 ? ip : `${ip}/${cidr.prefixLength}`;
}
