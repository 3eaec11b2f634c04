import { formatSocketAddress, type IpAddress, type SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { sameSpiffeId } from '@ambit/core/spiffe';
import type { FieldList } from '@ambit/http/h2/message-fields';
import { identitiesKey } from '@ambit/hbone/pool-key';
import type { Client } from '@ambit/mesh/client';
import { chooseAddress, workloadIdentities } from '@ambit/mesh/endpoint/endpoint';
import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import type { CompiledCluster } from '@ambit/traffic/compiled-service';
import { ClusterEndpoints } from '@ambit/traffic/load-balancing/cluster-endpoints';
import type { Hash64 } from '@ambit/traffic/load-balancing/consistent-hash/hash64';
import type { Later } from '@ambit/traffic/load-balancing/consistent-hash/hashed-tier';
import { EndpointSlot } from '@ambit/traffic/load-balancing/endpoint-slot';
import { ENDPOINT_TRANSPORTS } from '../limits.ts';
import type { Admission } from '@ambit/traffic/breaker/circuit-breaker';
import type { EjectionResult } from '@ambit/traffic/outlier/outlier-detection';
import type { ClusterObserver } from './cluster-observer.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import type { ClusterState, ClusterStates } from './cluster-states.ts';
import type { Dialler } from './dialler.ts';
import { MirrorBudget } from './mirror-budget.ts';
import { outsideOf } from './outside-workload.ts';
import { type DiallingClient, type EndpointTransport, TransportChoice } from './transport-choice.ts';
import { UpstreamEndpoint } from './upstream-endpoint.ts';
import type { UpstreamTlsContexts } from './upstream-tls.ts';

/** An endpoint drawn for one try. */
export interface ChosenEndpoint {
  /** Counts what is under way, for the balancing. */
  readonly slot: EndpointSlot;
  readonly upstream: UpstreamEndpoint;
}

/** A cluster on this data thread: its endpoints, how they are balanced, and what its retries and copies may cost. */
export class UpstreamCluster {
  readonly compiled: CompiledCluster;
  readonly endpoints: ClusterEndpoints;
  /** What all threads know of it. */
  readonly state: ClusterState;
  /** What copies of requests to it may cost. */
  readonly mirrors: MirrorBudget;
  readonly #upstreams: Upstreams;
  readonly #serviceKey: string;
  readonly #transports: TransportChoice | undefined;

  /** `previous`: of the last version of its service, of which counts go on. */
  constructor(compiled: CompiledCluster, upstreams: Upstreams, previous: UpstreamCluster | undefined) {
    this.compiled = compiled;
    this.state = upstreams.states.of(compiled.model);
    this.endpoints = new ClusterEndpoints(compiled, this.state.outliers, previous?.endpoints, upstreams.later);
    this.mirrors = previous?.mirrors ?? new MirrorBudget();
    this.#upstreams = upstreams;
    const { upstreamTls, proxyProtocol } = compiled.model;
    const isPlain = upstreamTls === null && proxyProtocol === 'none';
    this.#transports = isPlain ? undefined : new TransportChoice(compiled.model, upstreams.tls);
    this.#serviceKey = `${compiled.model.namespace}/${compiled.model.hostname}`;
  }

  /** The workload that it is; undefined when it is endpoints of a service, or the controller has not told of the workload. */
  get workload(): Workload | undefined {
    return this.#upstreams.store.workloads.byUid(this.compiled.model.workloadUid)?.model;
  }

  /** The service behind it; undefined of a workload, and while the controller has not told of it. */
  get service(): Service | undefined {
    return this.#upstreams.store.services.byKey(this.#serviceKey)?.model;
  }

  /**
   * Draws an endpoint; `'unknown'` when the service or workload is not known, undefined when it has no usable one. A workload is
   * reached where the client dialled it and nowhere else. `head`: of the request as it is sent on, if it is one.
   * `passedRanks`: of endpoints, that come last. `belongs`: to whom the request does (`ClusterEndpoints.choose`).
   */
  choose(
    tried: readonly string[],
    client: DiallingClient,
    head?: FieldList,
    passedRanks = 0,
    belongs?: Hash64 | string,
  ): ChosenEndpoint | 'unknown' | undefined {
    if (this.compiled.model.workloadUid !== '') return this.#dialled(tried, client, head);
    const { store, choice } = this.#upstreams;
    const { service } = this;
    if (service === undefined) return 'unknown';
    if (service.loadBalancing.mode === 'passthrough') return this.#passedThrough(tried, client, head);
    const slot = this.#refreshed(service).choose(tried, choice, passedRanks, belongs);
    if (slot === undefined) return undefined;
    const ip = chooseAddress(slot.endpoint.workload, service.addresses[0]?.ip ?? '', service);
    if (ip === undefined || slot.endpoint.workload.network !== store.network) return undefined;
    return {
      slot,
      upstream: this.#endpoint(slot, { ip, port: slot.endpoint.port }, client, head),
    };
  }

  /** Its endpoints as they are now; undefined when there is nothing to choose. */
  current(): ClusterEndpoints | undefined {
    const { service } = this;
    return service === undefined || service.loadBalancing.mode === 'passthrough' ? undefined : this.#refreshed(service);
  }

  #refreshed(service: Service): ClusterEndpoints {
    const { store, choice, client } = this.#upstreams;
    const own = client();
    const candidates = store.endpoints(service.key)?.candidates(service, this.compiled.model.port, 'service', own);
    this.endpoints.refresh(candidates ?? NONE, choice, own);
    return this.endpoints;
  }

  #endpoint(slot: EndpointSlot, address: SocketAddress, client: DiallingClient, head?: FieldList): UpstreamEndpoint {
    return this.#upstreams.endpoint(slot, address, this.#transports?.for(client, head), this.state.limits);
  }

  /** Why there is none to choose, if somebody knows more than that there is none. */
  whyNone(): string | undefined {
    const { service } = this;
    if (service === undefined) return undefined;
    for (const { model } of this.#upstreams.store.endpoints(service.key)?.members() ?? []) {
      if (model.resolution?.failure === undefined || model.addresses.length > 0) continue;
      return `the name ${model.hostname} is not resolved: ${model.resolution.failure}`;
    }
    return undefined;
  }

  /** Whether there are endpoints, and all of them are out because they fail. */
  get allOut(): boolean {
    return this.endpoints.allOut;
  }

  /** A connection was had, or a response began: what failed before is forgiven. */
  reached({ slot }: ChosenEndpoint): void {
    if (this.state.outliers !== undefined) return;
    const { quarantine } = this.#upstreams.choice;
    if (!quarantine.empty) quarantine.succeeded(slot.uid);
  }

  /** How it answered; gRPC as the HTTP status that its own stands for. */
  answered({ slot }: ChosenEndpoint, status: number): void {
    const { outliers } = this.state;
    if (outliers !== undefined) this.#note(outliers.answered(slot.uid, status));
  }

  /**
   * It did not answer: no connection, a reset (503), or too late (504); `error` says why, if that is known. Only connections that do
   * not come about count for the quarantine.
   */
  unanswered({ slot }: ChosenEndpoint, status: 503 | 504, isUnreachable: boolean, error: AmbitError | undefined): void {
    // It was never asked.
    if (error?.code === 'AMBIT_DESCRIPTORS') return;
    const { outliers } = this.state;
    if (outliers !== undefined) {
      this.#note(outliers.unanswered(slot.uid, status));
      return;
    }
    if (!isUnreachable) return;
    // Clients dial any port of a workload: where nobody listens says nothing about it as an endpoint of services.
    if (this.compiled.model.workloadUid !== '') return;
    // Nor does one address that a service lets through say anything about the others.
    if (this.service?.loadBalancing.mode === 'passthrough') return;
    const { quarantine, now } = this.#upstreams.choice;
    quarantine.failed(slot.uid, now());
  }

  /** A limit, or the breaker, kept a request or connection from being sent. */
  refused(reason: string): void {
    this.#upstreams.observer.refused(this.compiled.name, reason);
  }

  /** A try that the breaker has let through has ended. */
  tried(admission: Admission, failed: boolean): void {
    const { breaker } = this.state;
    if (breaker?.tried(admission, failed) !== true) return;
    this.#upstreams.observer.breakerChanged(this.compiled.name, breaker.state);
  }

  #note(result: EjectionResult): void {
    if (result !== undefined) this.#upstreams.observer.ejected(this.compiled.model, result);
  }

  /** Connections go where they were meant to, as long as the service has that address and it is not the waypoint's own. */
  #passedThrough(tried: readonly string[], client: DiallingClient, head?: FieldList): ChosenEndpoint | undefined {
    const { service } = this;
    const { store } = this.#upstreams;
    const { network, services } = store;
    const { ip } = client.dialled;
    if (service === undefined) return undefined;
    const isIts =
      services.allByAddress(network, ip).some(({ keys }) => keys.key === service.key) ||
      services.byRange(network, ip, service.namespace)?.keys.key === service.key;
    if (!isIts || this.#upstreams.isOwnAddress(ip)) return undefined;
    const workload = store.findWorkload(network, ip) ?? outsideOf(service);
    if (workload.invalid !== undefined || tried.includes(workload.uid)) return undefined;
    const { port } = this.compiled.model;
    const slot = new EndpointSlot({ workload, port, identities: workloadIdentities(workload) });
    return { slot, upstream: this.#endpoint(slot, { ip, port }, client, head) };
  }

  /** Whoever dials a workload wants it and none other, ready or not. */
  #dialled(tried: readonly string[], client: DiallingClient, head?: FieldList): ChosenEndpoint | 'unknown' | undefined {
    const { dialled } = client;
    const { workload } = this;
    if (workload === undefined) return 'unknown';
    const { uid, addresses, network, invalid } = workload;
    const isThere = network === this.#upstreams.store.network && addresses.includes(dialled.ip);
    if (!isThere || invalid !== undefined || tried.includes(uid)) return undefined;
    const slot = new EndpointSlot({ workload, port: dialled.port, identities: workloadIdentities(workload) });
    return { slot, upstream: this.#endpoint(slot, dialled, client, head) };
  }
}

const NONE: readonly never[] = [];

/** Whether connections to one lead to the other. An answer about a name that says the same of an address is no news of it. */
function isSamePeer(before: Workload, now: Workload): boolean {
  if (before === now) return true;
  const { partOf, protocol, identity } = now;
  return partOf !== undefined && before.protocol === protocol && sameSpiffeId(before.identity, identity);
}

export interface UpstreamsParts
  extends Pick<Upstreams, 'choice' | 'client' | 'isOwnAddress' | 'observer' | 'states' | 'store'> {
  readonly dialler: Dialler;
}

/** Everything that this thread keeps of endpoints: who has connections, of all clusters together. */
export class Upstreams {
  readonly store: MeshStore;
  readonly choice: Choice;
  /** The waypoint itself, from whose place endpoints are ranked. */
  readonly client: () => Client;
  readonly tls: UpstreamTlsContexts;
  readonly states: ClusterStates;
  readonly observer: ClusterObserver;
  /** Whether the waypoint itself listens at an address: nobody is let through to that. */
  readonly isOwnAddress: (ip: IpAddress) => boolean;
  /** Runs what is too much for one turn of the thread, in a later one. */
  readonly later: Later;
  readonly #dialler: Dialler;
  readonly #endpoints = new Map<string, UpstreamEndpoint>();
  readonly #byUid = new Map<string, Set<UpstreamEndpoint>>();
  /** Those with a transport, by its group, the oldest first. */
  readonly #byGroup = new Map<string, Set<UpstreamEndpoint>>();

  constructor({ store, choice, client, dialler, states, observer, isOwnAddress }: UpstreamsParts) {
    this.tls = dialler.tls;
    this.store = store;
    this.states = states;
    this.observer = observer;
    this.isOwnAddress = isOwnAddress;
    this.choice = choice;
    this.client = client;
    this.#dialler = dialler;
    this.later = (run) => {
      dialler.reactor.defer(run);
    };
  }

  /**
   * The connections to an endpoint at an address; services that accept other identities of it, and those that reach it in
   * another way, have connections of their own.
   */
  endpoint(
    { uid, endpoint }: EndpointSlot,
    address: SocketAddress,
    transport: EndpointTransport | undefined,
    limits: ConnectionLimits | undefined,
  ): UpstreamEndpoint {
    const own = limits === undefined ? '' : ` of ${limits.key}`;
    const way = transport === undefined ? own : `${own} ${transport.key}`;
    const key = `${uid} ${formatSocketAddress(address)} ${identitiesKey(endpoint.identities)}${way}`;
    const known = this.#endpoints.get(key);
    // Its identity, or whether it is in the mesh, may have changed: other connections then.
    if (known !== undefined && isSamePeer(known.endpoint.workload, endpoint.workload)) return known;
    known?.retire();
    const created = new UpstreamEndpoint(endpoint, address, transport, limits, this.#dialler, (unused) => {
      if (this.#endpoints.get(key) === unused) this.#endpoints.delete(key);
      removeFrom(this.#byUid, uid, unused);
      if (transport !== undefined) removeFrom(this.#byGroup, transport.group, unused);
    });
    if (transport !== undefined) this.#makeRoom(transport);
    this.#endpoints.set(key, created);
    addTo(this.#byUid, uid, created);
    if (transport !== undefined) addTo(this.#byGroup, transport.group, created);
    return created;
  }

  /** The workload is gone or was replaced: what is under way goes on, connections without a request are closed. */
  retire(uid: string): void {
    for (const endpoint of this.#byUid.get(uid) ?? []) endpoint.retire();
  }

  destroy(error: AmbitError): void {
    for (const endpoint of [...this.#endpoints.values()]) endpoint.destroy(error);
  }

  /** Server names come from clients. */
  #makeRoom({ group }: EndpointTransport): void {
    const alike = this.#byGroup.get(group);
    if (alike === undefined || alike.size < ENDPOINT_TRANSPORTS) return;
    for (const endpoint of alike) {
      if (endpoint.active > 0) continue;
      endpoint.retire();
      return;
    }
  }
}

function addTo(sets: Map<string, Set<UpstreamEndpoint>>, key: string, endpoint: UpstreamEndpoint): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([endpoint]));
  else known.add(endpoint);
}

function removeFrom(sets: Map<string, Set<UpstreamEndpoint>>, key: string, endpoint: UpstreamEndpoint): void {
  const known = sets.get(key);
  known?.delete(endpoint);
  if (known?.size === 0) sets.delete(key);
}
