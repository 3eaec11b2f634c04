import { randomFillSync } from 'node:crypto';
import type { SocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { type AmbitError, messageOf } from '@ambit/core/errors';
import { formatSpiffeId, requireSpiffeId } from '@ambit/core/spiffe';
import { HbonePool } from '@ambit/hbone/pool';
import { HboneServer } from '@ambit/hbone/server';
import type { IncomingTunnel, TunnelHandler } from '@ambit/hbone/tunnel';
import { Quarantine } from '@ambit/mesh/endpoint/quarantine';
import { change, endpointOf, port, service, storeOf, workload } from '@ambit/mesh/test-model';
import type { AppProtocol, Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { type TestIdentity, testCertificate } from '@ambit/native/test-certificates';
import { createTlsContext, type TlsContext } from '@ambit/native/tls-context';
import { AccessLog } from '@ambit/proxy/access-log';
import { Credentials } from '@ambit/proxy/credentials';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import { Listener } from '@ambit/reactor/listener';
import type { Reactor } from '@ambit/reactor/reactor';
import { TestLoop } from '@ambit/reactor/test-loop';
import { RequestIds } from '@ambit/telemetry/request-id';
import type { Protocol, ServedService } from '@ambit/traffic/model/served-service';
import { readConfig } from './config.ts';
import type { DataThreadContext } from './data/context.ts';
import { DataPlane } from './data/data-plane.ts';
import { Dialler } from './data/dialler.ts';
import { ownClient } from './data/own-client.ts';
import { RequestLog } from './data/request-log.ts';
import { ServedServices } from './data/served-services.ts';
import { ThreadMetrics } from './data/thread-metrics.ts';
import { Upstreams } from './data/upstreams.ts';
import type { Report } from './messages.ts';
import {
  consumerOf,
  destinationOf,
  routeOf,
  type TestConsumer,
  type TestDestination,
  type TestForward,
  type TestRoute,
} from './test-routes.ts';

/** Who clients are unless told otherwise: the mesh has its workload, `web-1`. */
const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/web';
const WAYPOINT_ID = 'spiffe://cluster.local/ns/shop/sa/waypoint';
export const VIP = '10.96.0.1';

const root = testCertificate({ authority: true });

function leaf(uri: string): TestIdentity {
  return testCertificate({ issuer: root, uris: [uri] });
}

function context(side: 'client' | 'server', identity: TestIdentity): TlsContext {
  return createTlsContext({
    side,
    certificateChainPem: identity.certificatePem,
    privateKeyPem: identity.privateKeyPem,
    rootsPem: root.certificatePem,
  });
}

/** Addresses of the loopback network that no other test of this machine uses at the same time, as far as chance goes. */
function freshNetwork(): string {
  const bytes = randomFillSync(Buffer.alloc(2));
  return `127.${10 + ((bytes[0] ?? 0) % 240)}.${bytes[1] ?? 0}`;
}

/** What an endpoint does with a tunnel that the waypoint opens; its pod's ztunnel and its application in one. */
export type EndpointBehaviour = (tunnel: IncomingTunnel, endpoint: TestEndpoint) => void;

/** An endpoint of the service: a node proxy with an application behind it. */
export class TestEndpoint {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  behaviour: EndpointBehaviour;
  /** Tunnels that were asked for. */
  tunnels = 0;
  readonly server: HboneServer;
  readonly #listener: Listener;
  readonly #reactor: Reactor;
  readonly #fd: number;

  constructor(reactor: Reactor, name: string, ip: string, principal: string, behaviour: EndpointBehaviour) {
    this.#reactor = reactor;
    this.name = name;
    this.uid = `cluster//Pod/shop/${name}`;
    this.ip = ip;
    this.behaviour = behaviour;
    const tls = context('server', leaf(principal));
    this.server = new HboneServer(reactor, {
      context: () => tls,
      trustDomains: new Set(['cluster.local']),
      onTunnel: (tunnel) => {
        this.tunnels += 1;
        this.behaviour(tunnel, this);
      },
    });
    this.#fd = openTcpListener({ address: { ip, port: 15008 } });
    reactor.adopt(this.#fd);
    this.#listener = new Listener(reactor, this.#fd, {
      onAccept: (fd, peer) => {
        this.server.accept(fd, peer);
      },
    });
  }

  /** Nothing listens there any more; what is open stays. */
  closePort(): void {
    this.#listener.stop();
    this.#reactor.close(this.#fd);
  }
}

export interface TestServiceOptions {
  readonly endpoints: Readonly<Record<string, EndpointBehaviour>>;
  /** Of the one port, 80 of the service. Default `http1`. */
  readonly protocol?: Protocol;
  /** Default: to the cluster of all endpoints without retries. */
  readonly action?: Partial<TestForward>;
  /** In place of `action`: all routes of the port. */
  readonly routes?: readonly TestRoute[];
  /** Of connections whose bytes are not looked at. Default: to the cluster of all endpoints. */
  readonly destinations?: readonly TestDestination[];
  /** Of the port. Default: none. */
  readonly consumers?: readonly TestConsumer[];
  /** Subsets by name: the endpoints in them. */
  readonly subsets?: Readonly<Record<string, readonly string[]>>;
  /** The identity that endpoints prove, when it is not the one that the mesh says. */
  readonly endpointPrincipal?: string;
  /** Of these endpoints only. */
  readonly endpointPrincipals?: Readonly<Record<string, string>>;
  readonly headTimeoutMs?: number;
  /** The waypoint is not told of the service. */
  readonly unserved?: boolean;
}

const HOSTNAME = 'cart.shop.svc.cluster.local';

/** Names of clusters as the controller makes them. */
export function clusterName(subset = ''): string {
  return `outbound|80|${subset}|${HOSTNAME}`;
}

/** A waypoint's data path on a loop of this thread, real TLS and sockets on loopback, clients and endpoints on the same loop. */
export class TestWaypoint {
  /** Uniform in [0, 1). */
  random: () => number = Math.random;
  readonly loop: TestLoop = new TestLoop();
  readonly reactor: Reactor = this.loop.reactor;
  readonly thread: DataThreadContext;
  readonly address: SocketAddress;
  readonly endpoints: ReadonlyMap<string, TestEndpoint>;
  /** Lines of the access log, as far as they were flushed. */
  readonly log: string[] = [];
  readonly #plane: DataPlane;
  readonly #pool: HbonePool;
  readonly #clientContexts = new Map<string, TlsContext>();
  readonly #service: Service;
  readonly #upstreamPool: HbonePool;

  constructor(options: TestServiceOptions) {
    const network = freshNetwork();
    const { reactor } = this;
    const protocol = options.protocol ?? 'http1';
    const names = Object.keys(options.endpoints);
    this.#service = service('cart', [VIP], { ports: [{ ...port(80, 8080), appProtocol: appProtocolOf(protocol) }] });
    const workloads = names.map((name, index) => {
      return workload(name, {
        addresses: [`${network}.${index + 10}`],
        identity: requireSpiffeId('spiffe://cluster.local/ns/shop/sa/cart'),
        services: endpointOf(this.#service),
      });
    });
    const store = storeOf({
      services: [this.#service],
      workloads: [...workloads, workload('web-1', { addresses: ['127.0.0.1'] })],
    });
    this.endpoints = new Map(
      workloads.map((one) => {
        const behaviour = options.endpoints[one.name];
        if (behaviour === undefined) throw new Error('no behaviour');
        const principal =
          options.endpointPrincipals?.[one.name] ?? options.endpointPrincipal ?? formatSpiffeId(one.identity);
        return [one.name, new TestEndpoint(reactor, one.name, one.addresses[0] ?? '', principal, behaviour)];
      }),
    );

    const config = readConfig({
      POD_NAMESPACE: 'shop',
      SERVICE_ACCOUNT: 'waypoint',
      INSTANCE_IP: '127.0.0.1',
      HBONE_ADDR: '127.0.0.1:0',
      ...(options.headTimeoutMs === undefined ? {} : { REQUEST_HEAD_TIMEOUT: `${options.headTimeoutMs}ms` }),
    });
    const posted: Report[] = [];
    const metrics = new ThreadMetrics(() => reactor.now);
    const credentials = new Credentials(reactor.ledger);
    const own = leaf(WAYPOINT_ID);
    credentials.install({
      identity: requireSpiffeId(WAYPOINT_ID),
      generation: 1,
      certificateChainPem: own.certificatePem,
      privateKeyPem: own.privateKeyPem,
      rootsPem: root.certificatePem,
      notBefore: 0,
      notAfter: Number.MAX_SAFE_INTEGER,
      serialNumber: '1',
    });
    this.#upstreamPool = new HbonePool(reactor, { observer: metrics.tunnelObserver });
    const client = ownClient(store, requireSpiffeId(WAYPOINT_ID), config);
    const dialler = new Dialler(reactor, this.#upstreamPool, {
      principal: WAYPOINT_ID,
      sourceIp: '127.0.0.1',
      credential: () => credentials.client(WAYPOINT_ID),
      fields: client.baggage,
    });
    const choice = { random: () => this.random(), now: () => reactor.now, quarantine: new Quarantine() };
    const upstreams = new Upstreams(store, choice, client.current, dialler);
    const log = new AccessLog(reactor, new SharedArrayBuffer(4));
    this.thread = {
      config,
      reactor,
      store,
      choice,
      services: new ServedServices(upstreams),
      metrics,
      requestLog: new RequestLog('text', log),
      requestIds: new RequestIds((bytes) => {
        randomFillSync(bytes);
      }),
      wallTime: () => systemClock.wallTime(),
      principal: WAYPOINT_ID,
      connections: new Set(),
      opaque: new Set(),
    };
    reactor.post = (message: unknown): void => {
      const report = message as Report;
      posted.push(report);
      if (report.kind === 'log') this.log.push(...Buffer.from(report.lines).toString('utf8').split('\n').slice(0, -1));
    };
    this.#plane = new DataPlane({
      thread: this.thread,
      credentials,
      upstreams,
      pool: this.#upstreamPool,
      observer: metrics.tunnelObserver,
      trustDomains: new Set(['cluster.local']),
      clockNow: () => systemClock.now(),
      beforeListening: () => undefined,
    });
    if (options.unserved !== true) this.serve(this.model(options));
    const fd = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    reactor.adopt(fd);
    this.address = localAddress(fd);
    this.#plane.handle({ kind: 'listen', fd });
    this.#pool = new HbonePool(reactor);
  }

  /** Puts a version of the service into force. */
  serve(model: ServedService): void {
    this.#plane.handle({ kind: 'services', changed: [model], removed: [], ticket: 0 });
  }

  /** The pod of an endpoint asks for this waypoint, which is told of it; ports that are not listed: `auto`. */
  serveWorkload(name: string, ports: Readonly<Record<number, Protocol>> = {}): void {
    this.tellWorkloads(boundWorkload(this.endpoint(name)));
    this.serve(workloadModel(this.endpoint(name).uid, { 0: 'auto', ...ports }));
  }

  /** The controller says that these may answer for the service too. */
  acceptIdentities(subjectAltNames: readonly string[]): void {
    change(this.thread.store, { services: [{ ...this.#service, subjectAltNames }] });
  }

  model({
    protocol = 'http1',
    action,
    routes,
    destinations = [{ cluster: clusterName() }],
    consumers = [],
    subsets = {},
  }: Omit<TestServiceOptions, 'endpoints'>): ServedService {
    const forward: TestForward = { kind: 'forward', destinations: [{ cluster: clusterName() }], ...action };
    const opaque = protocol === 'tcp' || protocol === 'auto';
    return {
      resourceName: `shop/waypoint/shop/${HOSTNAME}`,
      waypointNamespace: 'shop',
      waypointName: 'waypoint',
      namespace: 'shop',
      hostname: HOSTNAME,
      workloadUid: '',
      ports: [
        {
          port: 80,
          protocol,
          routes: protocol === 'tcp' ? [] : (routes ?? [{ action: forward }]).map(routeOf),
          tcpDestinations: opaque ? destinations.map(destinationOf) : [],
          consumers: consumers.map(consumerOf),
        },
      ],
      clusters: ['', ...Object.keys(subsets)].map((subset) => ({
        name: clusterName(subset),
        namespace: 'shop',
        hostname: HOSTNAME,
        workloadUid: '',
        port: 80,
        protocol,
        subset,
        subsetWorkloadUids: (subsets[subset] ?? []).map((name) => `cluster//Pod/shop/${name}`),
        loadBalancing: 'least-request',
        connectTimeoutMs: 2_000,
      })),
    };
  }

  /** Opens a tunnel to the service as a client's node proxy would. Resolves by turning the loop. */
  open(handler: ByteEndpointHandler, authority?: string, principal?: string): DuplexEndpoint {
    const opened = this.tryOpen(handler, authority, principal);
    if ('status' in opened) throw new Error(`refused with ${opened.status} ${opened.fields.join(' ')}`);
    if ('code' in opened) throw new Error(messageOf(opened));
    return opened;
  }

  tryOpen(
    handler: ByteEndpointHandler,
    authority: string = `${VIP}:80`,
    principal: string = CLIENT_ID,
  ): AmbitError | DuplexEndpoint | { readonly status: number; readonly fields: readonly string[] } {
    const result: { value?: AmbitError | DuplexEndpoint | { status: number; fields: readonly string[] } } = {};
    const receiver: TunnelHandler = {
      onAccepted: (tunnel) => {
        result.value = tunnel.endpoint(handler);
      },
      onRefused: (status, fields) => {
        result.value = { status, fields };
      },
      onFailed: (error) => {
        result.value = error;
      },
    };
    this.#pool.open(
      {
        address: this.address,
        sourceIp: '127.0.0.1',
        sourcePrincipal: principal,
        credential: () => ({ context: this.#clientContext(principal), generation: 1 }),
        expected: [requireSpiffeId(WAYPOINT_ID)],
        workloadUid: 'waypoint-1',
      },
      authority,
      [],
      receiver,
    );
    this.loop.until(() => result.value !== undefined);
    if (result.value === undefined) throw new Error('no tunnel');
    return result.value;
  }

  #clientContext(principal: string): TlsContext {
    let made = this.#clientContexts.get(principal);
    if (made === undefined) {
      made = context('client', leaf(principal));
      this.#clientContexts.set(principal, made);
    }
    return made;
  }

  endpoint(name: string): TestEndpoint {
    const found = this.endpoints.get(name);
    if (found === undefined) throw new Error(`no endpoint ${name}`);
    return found;
  }

  /** The controller tells of workloads, as `workload` of the mesh's test model makes them. */
  tellWorkloads(...workloads: readonly Workload[]): void {
    change(this.thread.store, { workloads });
  }

  /** The lines of the access log so far. */
  lines(): string[] {
    this.thread.requestLog.flush();
    return this.log;
  }

  drain(deadline: number): void {
    this.#plane.handle({ kind: 'drain', deadline, ticket: 1 });
  }

  dispose(): void {
    this.#pool.destroy();
    this.#upstreamPool.destroy();
    for (const endpoint of this.endpoints.values()) endpoint.server.destroy();
    this.loop.pass(10);
    this.reactor.dispose();
  }
}

/** The pod of an endpoint, at its own addresses behind the waypoint; still one of the service. */
export function boundWorkload({ name, ip }: TestEndpoint, fields: Partial<Workload> = {}): Workload {
  return workload(name, {
    addresses: [ip],
    identity: requireSpiffeId('spiffe://cluster.local/ns/shop/sa/cart'),
    services: new Map([[`shop/${HOSTNAME}`, []]]),
    waypoint: { destination: { kind: 'hostname', namespace: 'shop', hostname: 'waypoint' }, hbonePort: 15008 },
    ...fields,
  });
}

/** A workload as the controller writes it down. */
function workloadModel(uid: string, ports: Readonly<Record<number, Protocol>>): ServedService {
  const entries = Object.entries(ports).map(([port, protocol]) => ({ port: Number(port), protocol }));
  const clusterOf = (port: number): string => `workload|${port}||${uid}`;
  return {
    resourceName: `shop/waypoint/${uid}`,
    waypointNamespace: 'shop',
    waypointName: 'waypoint',
    namespace: 'shop',
    hostname: '',
    workloadUid: uid,
    ports: entries.map(({ port, protocol }) => {
      const destinations = [{ cluster: clusterOf(port) }];
      return {
        port,
        protocol,
        routes: protocol === 'tcp' ? [] : [routeOf({ action: { kind: 'forward', destinations } })],
        tcpDestinations: protocol === 'tcp' || protocol === 'auto' ? destinations.map(destinationOf) : [],
        consumers: [],
      };
    }),
    clusters: entries.map(({ port, protocol }) => ({
      name: clusterOf(port),
      namespace: 'shop',
      hostname: '',
      workloadUid: uid,
      port,
      protocol,
      subset: '',
      subsetWorkloadUids: [],
      loadBalancing: 'least-request',
      connectTimeoutMs: 2_000,
    })),
  };
}

function appProtocolOf(protocol: Protocol): AppProtocol {
  switch (protocol) {
    case 'auto':
      return 'unknown';
    case 'http1':
      return 'http11';
    case 'http2':
    case 'tcp':
      return protocol;
  }
}
