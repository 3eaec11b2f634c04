import { join } from 'node:path';
import type { IpAddress } from '@ambit/core/address';
import type { ManifestObject, Node, Pod, Service } from '@ambit/translation/objects';
import { NODE_NAMES } from './address-plan.ts';
import { writeWhole } from './manifests.ts';
import type { PlacedService } from './service-table.ts';

/** File of the controller's folder that says what runs where. */
const FILE = 'bed.status.json';

/**
 * What a cluster's kubelets, scheduler and agents would write: the nodes, the pods as they are, the addresses of Services.
 * Written at the end of the turn in which something changed, so that many changes cost one file.
 */
export class Observation {
  readonly #path: string;
  readonly #gather: () => { pods: readonly Pod[]; services: readonly PlacedService[] };
  #written = '';
  #due = false;
  #zoned = false;

  constructor(folder: string, gather: () => { pods: readonly Pod[]; services: readonly PlacedService[] }) {
    this.#path = join(folder, FILE);
    this.#gather = gather;
  }

  changed(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      if (this.#due) this.write();
    });
  }

  /** Writes now, if anything changed. */
  write(): void {
    this.#due = false;
    const { pods, services } = this.#gather();
    const items: ManifestObject[] = [
      ...NODE_NAMES.map((name) => nodeObject(name, this.#zoned)),
      ...pods,
      ...services.flatMap(serviceObject),
    ];
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 1);
    if (text === this.#written) return;
    writeWhole(this.#path, text);
    this.#written = text;
  }

  /** Whether each node is a zone of its own; it is none at first. */
  set zoned(zoned: boolean) {
    this.#zoned = zoned;
    this.write();
  }

  /** Nothing is written any more. */
  close(): void {
    this.#due = false;
  }
}

function nodeObject(name: string, zoned: boolean): Node {
  if (!zoned) return { apiVersion: 'v1', kind: 'Node', metadata: { name, namespace: '' } };
  const labels = { 'topology.kubernetes.io/region': 'bed', 'topology.kubernetes.io/zone': `zone-${name}` };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, namespace: '', labels } };
}

function serviceObject({ object, ip }: PlacedService): Service[] {
  return ip === undefined ? [] : [{ ...object, spec: { ...object.spec, ...addressesOf(ip) } }];
}

function addressesOf(ip: IpAddress): Pick<Service['spec'], 'clusterIP' | 'clusterIPs'> {
  return { clusterIP: ip, clusterIPs: [ip] };
}
