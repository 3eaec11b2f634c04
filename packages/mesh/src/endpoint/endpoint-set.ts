import type { Client } from '../client.ts';
import { ENDPOINT_TABLES, RANDOM_PICKS } from '../limits.ts';
import type { Service } from '../service.ts';
import type { StoredWorkload } from '../store/workload-store.ts';
import type { Endpoint } from './endpoint.ts';
import { buildEndpointTable, type EndpointPurpose, type EndpointTable, EndpointTier } from './endpoint-table.ts';
import type { Quarantine } from './quarantine.ts';

/** What a thread brings to every choice; one object per thread. */
export interface Choice {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly quarantine: Quarantine;
}

/** In a set of ports: a member takes whatever port was asked for. */
const ANY_PORT = 0;

const NO_ENDPOINTS: EndpointTable = { tiers: [] };

/**
 * The workloads that say they belong to a service, known or not: a workload may arrive before its service.
 * Tables for picking are made on first use and dropped when a member or the service changes.
 */
export class EndpointSet {
  /** `namespace/hostname` */
  readonly serviceKey: string;
  readonly #members = new Map<string, StoredWorkload>();
  /** By the client's place (empty when the service has no preferences), then by port and purpose. */
  readonly #tables = new Map<string, Map<number, EndpointTable>>();
  #tableCount = 0;
  /** The service ports that some member serves; undefined until asked. */
  #ports: ReadonlySet<number> | undefined;

  constructor(serviceKey: string) {
    this.serviceKey = serviceKey;
  }

  get size(): number {
    return this.#members.size;
  }

  has(uid: string): boolean {
    return this.#members.has(uid);
  }

  members(): MapIterator<StoredWorkload> {
    return this.#members.values();
  }

  put(workload: StoredWorkload): void {
    this.#members.set(workload.keys.uid, workload);
    this.changed();
  }

  remove(workload: StoredWorkload): void {
    // The same uid may have been put again meanwhile.
    if (this.#members.get(workload.keys.uid) === workload) this.#members.delete(workload.keys.uid);
    this.changed();
  }

  /** Forgets what was computed from members and service. */
  changed(): void {
    this.#ports = undefined;
    if (this.#tableCount === 0) return;
    this.#tables.clear();
    this.#tableCount = 0;
  }

  /**
   * Draws an endpoint by weight: the best rank first, passing over those in quarantine and those in `excluded` (uids
   * that this connection has tried); within a rank, those that failed a moment ago come last. When only endpoints in
   * quarantine are left, they are used all the same.
   */
  pick(
    service: Service,
    port: number,
    purpose: EndpointPurpose,
    client: Client,
    choice: Choice,
    excluded: ReadonlySet<string> | undefined,
  ): Endpoint | undefined {
    const { tiers } = this.#tableFor(service, port, purpose, client);
    if (!choice.quarantine.empty) {
      for (const tier of tiers) {
        const endpoint = pickFrom(tier, choice, excluded, 'sound') ?? pickFrom(tier, choice, excluded, 'doubtful');
        if (endpoint !== undefined) return endpoint;
      }
    }
    for (const tier of tiers) {
      const endpoint = pickFrom(tier, choice, excluded, 'any');
      if (endpoint !== undefined) return endpoint;
    }
    return undefined;
  }

  /** Every endpoint that `pick` may draw, best rank first. */
  candidates(service: Service, port: number, purpose: EndpointPurpose, client: Client): readonly EndpointTier[] {
    return this.#tableFor(service, port, purpose, client).tiers;
  }

  #tableFor(service: Service, port: number, purpose: EndpointPurpose, client: Client): EndpointTable {
    if (this.#members.size === 0 || !this.#servesPort(service, port)) return NO_ENDPOINTS;
    const { mode } = service.loadBalancing;
    // Without preferences only the network matters, which is part of the place as well.
    const place = mode === 'strict' || mode === 'failover' ? client.scopesKey : client.scopes.network;
    let tables = this.#tables.get(place);
    if (tables === undefined) {
      tables = new Map();
      this.#tables.set(place, tables);
    }
    const key = purpose === 'service' ? port : -port;
    let table = tables.get(key);
    if (table === undefined) {
      if (this.#tableCount >= ENDPOINT_TABLES) {
        this.changed();
        return this.#tableFor(service, port, purpose, client);
      }
      table = buildEndpointTable(service, this.#workloads(), port, purpose, client);
      tables.set(key, table);
      this.#tableCount++;
    }
    return table;
  }

  /** Keeps a client that tries port after port from costing a table, and a walk over all members, for each. */
  #servesPort(service: Service, port: number): boolean {
    for (const { servicePort } of service.ports) if (servicePort === port) return true;
    this.#ports ??= new Set(this.#memberPorts(service.key));
    return this.#ports.has(port) || this.#ports.has(ANY_PORT);
  }

  *#memberPorts(key: string): Generator<number> {
    for (const { services, applicationTunnel } of this.#workloads()) {
      for (const { servicePort } of services.get(key) ?? []) yield servicePort;
      if (applicationTunnel !== undefined) yield ANY_PORT;
    }
  }

  *#workloads(): Generator<StoredWorkload['model']> {
    for (const member of this.#members.values()) yield member.model;
  }
}

/** Which endpoints will do: those that work as far as is known, also those that failed a moment ago, or benched ones too. */
type Standard = 'any' | 'doubtful' | 'sound';

function pickFrom(
  tier: EndpointTier,
  choice: Choice,
  excluded: ReadonlySet<string> | undefined,
  standard: Standard,
): Endpoint | undefined {
  const now = standard === 'any' ? 0 : choice.now();
  const usable = ({ workload: { uid } }: Endpoint): boolean =>
    excluded?.has(uid) !== true && meets(standard, choice.quarantine, uid, now);
  for (let attempt = 0; attempt < RANDOM_PICKS; attempt++) {
    const endpoint = tier.at(choice.random());
    if (endpoint === undefined) return undefined;
    if (usable(endpoint)) return endpoint;
  }
  // Most of the tier is out: draw from what is left.
  const left = new EndpointTier(tier.endpoints.filter(usable));
  return left.at(choice.random());
}

function meets(standard: Standard, quarantine: Quarantine, uid: string, now: number): boolean {
  if (standard === 'any') return true;
  if (quarantine.benched(uid, now)) return false;
  return standard === 'doubtful' || !quarantine.doubted(uid, now);
}
