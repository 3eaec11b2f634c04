import { parseIp } from '@ambit/core/address';
import type { Workload } from '@ambit/proto/workload';
import type { WorkloadEntry, WorkloadEntrySpec } from '../../entry-objects.ts';
import { MAX_ENDPOINT_NAMES_PER_NAMESPACE } from '../../limits.ts';
import type { Metadata, Texts } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { type Membership, portsOfMachine, type ServicePorts } from '../membership.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { EntryHost } from '../mesh-service.ts';
import { serviceKey } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import type { WorkloadBinding } from '../waypoint/binding.ts';
import { sortedByAge } from '../waypoint/precedence.ts';
import { isPublishedPod, podIps } from '../workload.ts';
import type { EntryHosts } from './entry-hosts.ts';
import { endpointRefusal } from './entry-refusal.ts';
import { Room } from './room.ts';
import { convertInlineEndpoint, convertWorkloadEntry, labelsOf } from './entry-workload.ts';

/** A published workload that is no Pod. */
export interface Machine {
  readonly workload: Workload;
  readonly labels: Texts | undefined;
  readonly services: ServicePorts;
  /** Of `services`. */
  readonly keys: readonly string[];
  readonly binding: WorkloadBinding | undefined;
}

/** An endpoint of a ServiceEntry, or why it is none. */
interface InlineEndpoint {
  readonly machine: Machine | undefined;
  readonly crowding: string | undefined;
}

export interface EntryWorkloadsParts {
  readonly model: MeshModel;
  readonly settings: TranslationSettings;
  /** Of what names none. */
  readonly network: string;
  readonly membership: Membership;
  readonly entryHosts: EntryHosts;
  readonly bindingOf: (entry: WorkloadEntry) => WorkloadBinding | undefined;
  readonly policiesOf: (metadata: Pick<Metadata, 'labels' | 'namespace'>) => readonly string[];
}

/**
 * The workloads of WorkloadEntries, and those that ServiceEntries name themselves. Who is found by an address is the pod that
 * has it, else the oldest WorkloadEntry that says so; others with the address are endpoints of their services alone.
 */
export class EntryWorkloads {
  readonly list: readonly Machine[];
  readonly conditions: readonly Condition[];
  readonly #parts: EntryWorkloadsParts;
  /** Addresses by which somebody is found. */
  readonly #addresses: Set<string>;
  readonly #names = new Room(MAX_ENDPOINT_NAMES_PER_NAMESPACE);

  constructor(parts: EntryWorkloadsParts) {
    this.#parts = parts;
    const { model, entryHosts } = parts;
    // Most meshes have no machine for which it matters whose an address is.
    const pods = model.workloadEntries.size === 0 ? [] : [...model.pods.values()];
    // Nor is anybody found by the address of a node, which pods on its network have.
    this.#addresses = new Set(pods.filter((pod) => isPublishedPod(pod)).flatMap((pod) => podIps(pod)));
    const conditions: Condition[] = [];
    const machines = sortedByAge([...model.workloadEntries.values()]).flatMap((entry) => {
      const refusal = endpointRefusal(entry.spec) ?? this.#crowded(entry.metadata.namespace, entry.spec);
      const binding = refusal === undefined ? parts.bindingOf(entry) : undefined;
      if (binding?.condition !== undefined) conditions.push(binding.condition);
      conditions.push(
        refusal === undefined
          ? conditionOf(entry, 'ZtunnelAccepted', 'True', 'Accepted', 'node proxies know it')
          : conditionOf(entry, 'ZtunnelAccepted', 'False', 'UnsupportedValue', `spec.${refusal}`),
      );
      return refusal === undefined ? [this.#ofWorkloadEntry(entry, binding)] : [];
    });
    const open = sortedByAge([...entryHosts.all()].filter(({ closed }) => !closed));
    const byEntry = Map.groupBy(open, ({ entry }) => entry);
    const inline = [...byEntry.values()].flatMap((hosts) => {
      const endpoints = this.#endpointsOf(hosts);
      const crowded = endpoints.flatMap(({ crowding }) => crowding ?? []);
      const [entry] = hosts;
      if (entry !== undefined && crowded.length > 0) {
        const message = `${crowded.length} of its endpoints are left out: ${crowded[0] ?? ''}`;
        conditions.push(conditionOf(entry, 'ZtunnelAccepted', 'False', 'UnsupportedValue', message));
      }
      return endpoints.flatMap(({ machine }) => machine ?? []);
    });
    this.list = [...machines, ...inline];
    this.conditions = conditions;
  }

  #ofWorkloadEntry(entry: WorkloadEntry, binding: WorkloadBinding | undefined): Machine {
    const { settings, network, membership, policiesOf } = this.#parts;
    const services = membership.ofWorkloadEntry(entry);
    const labels = labelsOf(entry);
    const ip = parseIp(entry.spec.address ?? '');
    const sharesAddress = ip !== undefined && this.#addresses.has(ip);
    if (ip !== undefined) this.#addresses.add(ip);
    const workload = convertWorkloadEntry(entry, {
      ...{ settings, network, services, sharesAddress },
      policies: policiesOf({ namespace: entry.metadata.namespace, labels }),
      waypoint: binding?.address,
    });
    return { workload, labels, services, keys: Object.keys(services), binding };
  }

  /** The endpoints of hosts of one ServiceEntry. */
  #endpointsOf(hosts: readonly EntryHost[]): InlineEndpoint[] {
    const [first] = hosts;
    if (first === undefined) return [];
    const { spec } = first.entry;
    const { endpoints = [], resolution = 'NONE' } = spec;
    const resolves = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
    if (endpoints.length === 0 && spec.workloadSelector === undefined && resolves) {
      // The hosts themselves are to be resolved.
      return hosts.map((host) => this.#inline([host], { address: host.hostname }, 0));
    }
    const seen = new Map<string, number>();
    return endpoints.map((endpoint) => {
      const address = (endpoint.address ?? '').toLowerCase();
      const earlier = seen.get(address) ?? 0;
      seen.set(address, earlier + 1);
      return this.#inline(hosts, endpoint, earlier);
    });
  }

  /** `earlier`: endpoints of the same address before it. */
  #inline(hosts: readonly EntryHost[], endpoint: WorkloadEntrySpec, earlier: number): InlineEndpoint {
    const { settings, network } = this.#parts;
    const crowding = this.#crowded(hosts[0]?.metadata.namespace ?? '', endpoint);
    if (crowding !== undefined) return { machine: undefined, crowding };
    const services: ServicePorts = Object.fromEntries(
      hosts.map((host) => [serviceKey(host, settings), { ports: portsOfMachine(host, endpoint) }]),
    );
    const metadata = hosts[0]?.metadata ?? { name: '', namespace: '' };
    // An endpoint of its service, and nothing by itself: the address may be somebody's.
    const workload = convertInlineEndpoint(metadata, endpoint, { settings, network, services, sharesAddress: true });
    if (earlier > 0) workload.uid = `${workload.uid}/${earlier}`;
    const keys = Object.keys(services);
    return { machine: { workload, labels: endpoint.labels, services, keys, binding: undefined }, crowding: undefined };
  }

  /** Why there is no room for an endpoint; undefined: there is. Names alone take some, of every proxy. */
  #crowded(namespace: string, { address = '' }: WorkloadEntrySpec): string | undefined {
    if (parseIp(address) !== undefined || this.#names.admit(namespace, address.toLowerCase())) return undefined;
    return `address ${address}: its namespace has ${MAX_ENDPOINT_NAMES_PER_NAMESPACE} names of endpoints already`;
  }
}
