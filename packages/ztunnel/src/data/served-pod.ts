import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { formatBaggage } from '@ambit/hbone/baggage';
import { HbonePool } from '@ambit/hbone/pool';
import { HboneServer } from '@ambit/hbone/server';
import type { ClientCredential, TunnelTarget } from '@ambit/hbone/tunnel';
import { type Client, createClient } from '@ambit/mesh/client';
import { type InboundRoute, routeInbound } from '@ambit/mesh/route/inbound';
import type { TunnelRoute } from '@ambit/mesh/route/outbound';
import type { Workload } from '@ambit/mesh/workload';
import { originalDestination, setResetOnClose } from '@ambit/native/socket-option';
import { duplicate } from '@ambit/native/descriptor';
import { localAddress, peerAddress } from '@ambit/native/socket';
import type { DescriptorAccount } from '@ambit/reactor/descriptor-budget';
import { Listener } from '@ambit/reactor/listener';
import type { AcceptedAt } from '../unanswered.ts';
import type { Pod, PodInfo } from '../messages.ts';
import { isProxyPort } from '../ports.ts';
import type { DataThreadContext } from './context.ts';
import { DnsServer } from './dns-server.ts';
import { InboundConnection } from './inbound.ts';
import { OutboundConnection } from './outbound.ts';
import { PlaintextConnection } from './plaintext.ts';
import { Relations } from './relation.ts';
import { Roster } from './roster.ts';
import type { Transfer } from './transfer.ts';

/** Routes of CONNECTs that are remembered between two changes of the mesh; the peers name them. */
const INBOUND_ROUTES = 256;

/** One pod of the node on one data thread: its listeners, its identity, its tunnels and its connections. */
export class ServedPod {
  readonly pod: Pod;
  readonly info: PodInfo;
  /** The pod's network namespace, for sockets made on its behalf. */
  readonly namespace: number;
  readonly principal: string;
  readonly identity: SpiffeId;
  readonly thread: DataThreadContext;
  /** For whom the descriptors of its connections count. */
  readonly account: DescriptorAccount;
  readonly pool: HbonePool;
  readonly transfers: Roster<'place', Transfer> = new Roster('place');
  readonly relations: Relations = new Relations(this);
  readonly #server: HboneServer;
  readonly #listeners: Listener[] = [];
  readonly #dns: DnsServer | undefined;
  #workload: Workload | undefined;
  /** What the store said last, and at which generation. */
  #described: Workload | undefined;
  #describedAt = -1;
  /** Whether the controller has called it ready since it last called it anything else. */
  #wasReady = false;
  #client: Client | undefined;
  #baggage: string | undefined;
  #answerFields: readonly string[] = [];
  readonly #targets: WeakMap<TunnelRoute, TunnelTarget> = new WeakMap();
  readonly #credential: () => ClientCredential | undefined = () => this.thread.credentials.client(this.principal);
  /** By local address, then authority; as the mesh was at `#routedAt`. */
  readonly #inboundRoutes: Map<string, Map<string, InboundRoute>> = new Map();
  #inboundRouteCount = 0;
  #routedAt = -1;
  #routedFor: Workload | undefined;

  constructor(thread: DataThreadContext, pod: Pod) {
    this.thread = thread;
    this.pod = pod;
    this.info = pod.info;
    this.identity = {
      trustDomain: thread.config.trustDomain,
      namespace: pod.info.namespace,
      serviceAccount: pod.info.serviceAccount,
    };
    this.principal = formatSpiffeId(this.identity);
    this.account = thread.accountOf(pod);
    this.pool = new HbonePool(thread.reactor, {
      mark: thread.config.packetMark,
      maxStreams: thread.config.maxStreams,
      idleMs: thread.config.poolIdle,
      keepalive: thread.keepalive,
      account: this.account,
      observer: thread.tunnelObserver,
    });
    this.#server = new HboneServer(thread.reactor, {
      context: () => thread.credentials.get(this.principal)?.server,
      trustDomains: thread.trustDomains,
      onTunnel: (tunnel, localIp) => {
        InboundConnection.serve(this, tunnel, localIp);
      },
      observer: thread.tunnelObserver,
    });
    // A descriptor of our own: the control side closes its one as soon as nothing is accepted any more.
    this.namespace = duplicate(pod.namespace);
    thread.reactor.adopt(this.namespace);
    try {
      this.#start();
      this.#dns = pod.listeners.dnsUdp.length === 0 ? undefined : new DnsServer(this);
    } catch (error) {
      for (const listener of this.#listeners) listener.stop();
      thread.reactor.close(this.namespace);
      throw error;
    }
  }

  /** The pod as the controller describes it; undefined while it does not. */
  workload(): Workload | undefined {
    const { store } = this.thread;
    if (this.#described === undefined || this.#describedAt !== store.generation) {
      const { namespace, name, serviceAccount } = this.pod.info;
      this.#described = store.findOwn(namespace, name, serviceAccount);
      this.#describedAt = store.generation;
    }
    return this.#described;
  }

  /** Where this pod stands, for routing; made anew when the controller describes it differently. */
  client(): Client {
    const workload = this.workload();
    if (this.#client === undefined || workload !== this.#workload) this.#describe(workload);
    return this.#client ?? createClient(this.identity, [], workload, this.thread.place);
  }

  /** What this pod says about itself in tunnels. */
  baggage(): string {
    this.client();
    return this.#baggage ?? '';
  }

  /** The fields with which it answers a CONNECT. */
  answerFields(): readonly string[] {
    this.client();
    return this.#answerFields;
  }

  /** Where a tunnel of this pod goes that `route` wants; the same object for the same route. */
  tunnelTarget(route: TunnelRoute, sourceIp: string): TunnelTarget {
    const known = this.#targets.get(route);
    if (known?.sourceIp === sourceIp) return known;
    const target: TunnelTarget = {
      address: route.target,
      namespace: this.namespace,
      sourceIp,
      sourcePrincipal: this.principal,
      credential: this.#credential,
      expected: route.identities,
      workloadUid: route.upstream.uid,
    };
    this.#targets.set(route, target);
    return target;
  }

  /** Where a CONNECT to `authority` goes that arrived at `localIp`. */
  inboundRoute(localIp: string, authority: string): InboundRoute {
    const { store, config } = this.thread;
    const own = this.workload();
    const fresh = this.#routedAt === store.revision && this.#routedFor === own;
    if (!fresh || this.#inboundRouteCount >= INBOUND_ROUTES) {
      this.#inboundRoutes.clear();
      this.#inboundRouteCount = 0;
      this.#routedAt = store.revision;
      this.#routedFor = own;
    }
    let routes = this.#inboundRoutes.get(localIp);
    if (routes === undefined) {
      routes = new Map();
      this.#inboundRoutes.set(localIp, routes);
    }
    let route = routes.get(authority);
    if (route === undefined) {
      route = routeInbound(store, own, { localIp, authority }, config);
      routes.set(authority, route);
      this.#inboundRouteCount += 1;
    }
    return route;
  }

  /**
   * The controller described the mesh anew. A pod that was ready and is no more, or is gone, is likely to end, and its
   * network namespace with it: peers are told while they can be, so that none keeps a tunnel to nowhere.
   */
  noticeReadiness(): void {
    const ready = this.workload()?.healthy === true;
    if (ready === this.#wasReady) return;
    this.#wasReady = ready;
    this.#server.leave(!ready);
  }

  /** Takes nothing new. What runs goes on; peers are told to open new tunnels elsewhere. */
  close(): void {
    for (const listener of this.#listeners) listener.stop();
    this.#dns?.close();
    this.#server.drain();
    this.pool.drain();
  }

  /** Starts a connection again that a thread which died had accepted. */
  resume(fd: number, acceptedAt: AcceptedAt): void {
    this.thread.reactor.adopt(fd, this.account);
    try {
      const peer = peerAddress(fd);
      if (acceptedAt === 'outbound') this.#acceptOutbound(fd, peer);
      else this.#acceptPlaintext(fd, peer);
    } catch {
      // The client has not waited.
      this.thread.reactor.close(fd);
    }
  }

  /** Connections of applications and of peers. */
  get load(): number {
    return this.transfers.size + this.#server.connections;
  }

  /** True when nothing is left of it. */
  get idle(): boolean {
    return this.load === 0;
  }

  /** Cuts what is left. */
  destroy(error: AmbitError): void {
    this.close();
    for (const transfer of this.transfers.list()) transfer.cut(error);
    this.#dns?.destroy();
    this.#server.destroy();
    this.pool.destroy();
    this.thread.reactor.close(this.namespace);
  }

  #start(): void {
    const { outbound, plaintext, hbone } = this.pod.listeners;
    this.#listen(outbound, (fd, peer) => {
      this.#acceptOutbound(fd, peer);
    });
    this.#listen(plaintext, (fd, peer) => {
      this.#acceptPlaintext(fd, peer);
    });
    this.#listen(hbone, (fd, peer) => {
      this.#server.accept(fd, peer);
    });
  }

  #describe(workload: Workload | undefined): void {
    const { clusterId } = this.thread.config;
    this.#workload = workload;
    this.#client = createClient(this.identity, workload?.addresses ?? [], workload, this.thread.place);
    this.#baggage = formatBaggage({
      cluster: workload?.clusterId ?? clusterId,
      namespace: this.pod.info.namespace,
      workloadType: workload?.workloadType ?? 'pod',
      workloadName: workload?.workloadName ?? this.pod.info.name,
      serviceName: workload?.canonicalName ?? '',
      serviceVersion: workload?.canonicalRevision ?? '',
      region: workload?.locality.region ?? '',
      zone: workload?.locality.zone ?? '',
    });
    this.#answerFields = ['baggage', this.#baggage];
  }

  #listen(fd: number, onAccept: (fd: number, peer: SocketAddress) => void): void {
    const onAcceptPaused = (error: AmbitError): void => {
      this.thread.reactor.report(error);
    };
    this.#listeners.push(new Listener(this.thread.reactor, fd, { onAccept, onAcceptPaused }, this.account));
  }

  #acceptOutbound(fd: number, peer: SocketAddress): void {
    const destination = this.#prepare(fd);
    if (destination === undefined) return;
    const connection = new OutboundConnection(this, fd, peer, destination);
    // A connection that was not redirected but made to the proxy's own port: passed on, it would come back for ever.
    const own = isProxyPort(destination.port) && destination.ip === localAddress(fd).ip;
    start(connection, own ? selfCall(destination) : undefined);
  }

  #acceptPlaintext(fd: number, peer: SocketAddress): void {
    const destination = this.#prepare(fd);
    if (destination !== undefined) start(new PlaintextConnection(this, fd, peer, destination), undefined);
  }

  /** Where an accepted connection was going; undefined when its client is gone already. */
  #prepare(fd: number): SocketAddress | undefined {
    try {
      return originalDestination(fd);
    } catch (error) {
      this.thread.reactor.report(error);
      setResetOnClose(fd);
      this.thread.reactor.close(fd);
      return undefined;
    }
  }
}

/** Starts a connection that was just accepted. It owns its descriptor, so whatever goes wrong is its own end. */
function start(connection: OutboundConnection | PlaintextConnection, refusal: AmbitError | undefined): void {
  try {
    if (refusal === undefined) connection.start();
    else connection.cut(refusal);
  } catch (error) {
    connection.cut(
      error instanceof AmbitError ? error : new AmbitError('AMBIT_INTERNAL', messageOf(error), { cause: error }),
    );
  }
}

function selfCall(destination: SocketAddress): AmbitError {
  const text = formatSocketAddress(destination);
  return new AmbitError('AMBIT_ROUTE_SELF_CALL', `${text} is a port of the proxy itself`, { source: 'application' });
}
