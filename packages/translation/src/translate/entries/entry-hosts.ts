import type { ServiceEntry } from '../../entry-objects.ts';
import { valueOf } from '../../labels.ts';
import { objectName, type ServicePort } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { EntryHost } from '../mesh-service.ts';
import { clusterIps, hostnameOf, isPublished } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { sortedByAge } from '../waypoint/precedence.ts';
import { AddressClaims, canonicalAddress } from './address-claims.ts';
import { allocateAddresses, allocationKey, type AllocatedPair, asksForAddresses } from './allocated-addresses.ts';
import { entryRefusal } from './entry-refusal.ts';
import { servicePortOf } from './entry-ports.ts';
import { ServiceNames } from './service-names.ts';

/** How to tell that the addresses of a host are tried in a race; not done. */
const CONNECT_STRATEGY = 'istio.io/connect-strategy';

/** As the status of a ServiceEntry has it. */
export interface AllocatedAddress {
  readonly value: string;
  readonly host: string;
}

/**
 * The hosts of the ServiceEntries of a model. A host or address that several claim is that of a Service, else of the oldest:
 * nobody takes over what is somebody else's. Within one namespace that ends the younger claim; a host that another namespace
 * has as well is still that of clients of the own namespace.
 */
export class EntryHosts {
  /** By `namespace/name`. */
  readonly #byEntry = new Map<string, EntryHost[]>();
  readonly #conditions: Condition[] = [];
  readonly #allocated: ReadonlyMap<string, AllocatedPair>;

  /** `isJudged`: policies are for it. What of it cannot be done is reached by nobody then, instead of past them. */
  constructor(model: MeshModel, settings: TranslationSettings, isJudged: (entry: ServiceEntry) => boolean) {
    const published: ServiceEntry[] = [];
    const closed = new Set<ServiceEntry>();
    for (const entry of sortedByAge([...model.serviceEntries.values()])) {
      const refusal = entryRefusal(entry);
      if (refusal === undefined) {
        published.push(entry);
        continue;
      }
      const isClosed = refusal.isSeen && isJudged(entry);
      this.#say(
        entry,
        'False',
        refusal.reason,
        isClosed ? `${refusal.message}; policies are for it, so nothing reaches it` : refusal.message,
      );
      if (!isClosed) continue;
      closed.add(entry);
      published.push(entry);
    }
    if (published.length === 0) {
      this.#allocated = new Map();
      return;
    }
    const services = [...model.services.values()].filter((service) => isPublished(service));
    const serviceIps = new Map(
      services.flatMap((service) =>
        clusterIps(service).map((ip) => [ip, `Service ${objectName(service.metadata)}`] as const),
      ),
    );
    const written = published.flatMap(({ spec }) => (spec.addresses ?? []).map((address) => canonicalAddress(address)));
    this.#allocated = allocateAddresses(published, serviceIps.keys(), written);
    // Whose an address of a pod is matters to those alone who write one.
    const claims =
      written.length === 0
        ? new AddressClaims(serviceIps, [], [])
        : new AddressClaims(serviceIps, model.pods.values(), model.workloadEntries.values());
    const servicesByHost = new Map(
      services.map((service) => [hostnameOf(service, settings), objectName(service.metadata)]),
    );
    for (const [ip, key] of this.#allocatedIps()) claims.reserve(ip, key);
    const taken = new Map<string, string>();
    const canonical = new Set(servicesByHost.keys());
    const names = new ServiceNames(model.services.values(), settings);
    const ownerOf = (host: string, namespace: string): string | undefined => {
      const owner = names.namespaceOf(host);
      return owner === namespace || namespace === settings.rootNamespace ? undefined : owner;
    };
    for (const entry of published) this.#publish(entry, { claims, servicesByHost, taken, canonical, ownerOf, closed });
  }

  /** In order of `namespace/name`. */
  *all(): Generator<EntryHost> {
    for (const key of [...this.#byEntry.keys()].sort()) yield* this.#byEntry.get(key) ?? [];
  }

  /** What is published of a ServiceEntry, by `namespace/name`; undefined: nothing. */
  of(key: string): readonly EntryHost[] | undefined {
    const hosts = this.#byEntry.get(key);
    return hosts?.some(({ closed }) => closed) === true ? undefined : hosts;
  }

  conditions(): readonly Condition[] {
    return this.#conditions;
  }

  /** Addresses that were allocated, by `namespace/name` of the ServiceEntry, for its status. */
  allocated(): ReadonlyMap<string, readonly AllocatedAddress[]> {
    return new Map(
      [...this.#byEntry].flatMap(([key, hosts]) => {
        const [first] = hosts;
        if (first === undefined || !asksForAddresses(first.entry)) return [];
        const addresses = first.entry.spec.hosts.flatMap((host) =>
          (this.#allocated.get(allocationKey(first.entry, host.toLowerCase())) ?? []).map((value) => ({ value, host })),
        );
        return [[key, addresses] as const];
      }),
    );
  }

  #publish(entry: ServiceEntry, known: Known): void {
    const { spec, metadata } = entry;
    const { namespace } = metadata;
    const labels = spec.workloadSelector?.labels;
    const remarks: string[] = [];
    const hosts: EntryHost[] = [];
    const namespaceOnly = !(spec.exportTo ?? ['*']).includes('*') && (spec.exportTo ?? []).length > 0;
    const closed = known.closed.has(entry);
    const own = known.claims.claim(entry, remarks);
    for (const host of new Set(spec.hosts.map((text) => text.toLowerCase()))) {
      const key = `${namespace}/${host}`;
      const holder =
        known.servicesByHost.get(host)?.startsWith(`${namespace}/`) === true
          ? `Service ${known.servicesByHost.get(host) ?? ''}`
          : known.taken.get(key);
      if (holder !== undefined) {
        remarks.push(`host ${host} is that of ${holder}`);
        continue;
      }
      known.taken.set(key, `ServiceEntry ${objectName(metadata)}`);
      const owner = known.ownerOf(host, namespace);
      const isCanonical = !namespaceOnly && owner === undefined && !known.canonical.has(host);
      if (isCanonical) known.canonical.add(host);
      else if (owner !== undefined)
        remarks.push(`host ${host} is a name of namespace ${owner}, and this one's for clients of ${namespace} alone`);
      else if (!namespaceOnly)
        remarks.push(`host ${host} is another namespace's, and this one's for clients of ${namespace} alone`);
      const addresses = asksForAddresses(entry) ? (this.#allocated.get(allocationKey(entry, host)) ?? []) : own;
      hosts.push({
        kind: 'ServiceEntry',
        ...{ metadata, entry, addresses, closed },
        hostname: host,
        // Clients elsewhere would find it while the Service of that name is not there.
        namespaceOnly: namespaceOnly || owner !== undefined,
        spec: closed ? {} : { ports: portsOf(entry), ...(labels === undefined ? {} : { selector: labels }) },
        canonical: isCanonical,
      });
    }
    if (hosts.length > 0) this.#byEntry.set(objectName(metadata), hosts);
    // What becomes of the others is said already.
    if (!closed) this.#sayOf(entry, hosts, remarks);
  }

  #sayOf(entry: ServiceEntry, hosts: readonly EntryHost[], conflicts: readonly string[]): void {
    if (valueOf(entry.metadata.annotations, CONNECT_STRATEGY) !== undefined) {
      const message = 'addresses are tried one after the other, never in a race';
      this.#conditions.push(
        conditionOf(entry, 'istio.io/WaypointMissing', 'True', 'NoWaypointForRacingConnectStrategy', message),
      );
    }
    if (hosts.length === 0) {
      this.#say(entry, 'False', 'Conflicted', conflicts.join('; '));
      return;
    }
    const unaddressed = hosts.filter(({ addresses }) => addresses.length === 0);
    const said = [
      ...conflicts,
      ...(unaddressed.length === 0
        ? []
        : [
            `${unaddressed.map(({ hostname }) => hostname).join(', ')}: no address leads to it, so its connections are not recognised`,
          ]),
    ];
    if (said.length === 0) this.#say(entry, 'True', 'Accepted', 'node proxies know its hosts');
    else this.#say(entry, 'True', conflicts.length > 0 ? 'Conflicted' : 'NoAddress', said.join('; '));
  }

  *#allocatedIps(): Generator<[string, string]> {
    for (const [key, pair] of this.#allocated) for (const ip of pair) yield [ip, key.split(' ')[0] ?? ''];
  }

  #say(entry: ServiceEntry, status: Condition['status'], reason: string, message: string): void {
    this.#conditions.push(conditionOf(entry, 'ZtunnelAccepted', status, reason, message));
  }
}

interface Known {
  readonly claims: AddressClaims;
  /** `namespace/name` of Services by hostname. */
  readonly servicesByHost: ReadonlyMap<string, string>;
  /** Who has a host in a namespace, by `namespace/host`. */
  readonly taken: Map<string, string>;
  /** Hosts of which it is settled whom other namespaces mean. */
  readonly canonical: Set<string>;
  /** Whose a name of the cluster is; undefined: the namespace may have it for all. */
  readonly ownerOf: (host: string, namespace: string) => string | undefined;
  readonly closed: ReadonlySet<ServiceEntry>;
}

function portsOf({ spec }: ServiceEntry): ServicePort[] {
  return (spec.ports ?? []).map((port) => servicePortOf(port));
}
