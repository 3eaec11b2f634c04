import { randomFillSync } from 'node:crypto';
import type { SocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { formatSpiffeId, requireSpiffeId } from '@ambit/core/spiffe';
import { HbonePool } from '@ambit/hbone/pool';
import { Quarantine } from '@ambit/mesh/endpoint/quarantine';
import { writeBatch } from '@ambit/mesh/resource/batch';
import { change, endpointOf, port, service, storeOf, workload } from '@ambit/mesh/test-model';
import type { AppProtocol, Service } from '@ambit/mesh/service';
import type { Locality, Workload } from '@ambit/mesh/workload';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { AccessLog } from '@ambit/proxy/access-log';
import { Credentials } from '@ambit/proxy/credentials';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import { TestLoop } from '@ambit/reactor/test-loop';
import { RequestIds } from '@ambit/telemetry/request-id';
import type { AuthorizationPolicy } from '@ambit/traffic/model/authorization-policy';
import { ClusterLoad } from '@ambit/traffic/cluster-state/cluster-load';
import { TraceIds } from '@ambit/telemetry/trace/trace-ids';
import type { Protocol, ServedService } from '@ambit/traffic/model/served-service';
import { readConfig } from './config.ts';
import { SharedClusters } from './control/shared-clusters.ts';
import { SharedRateLimits } from './control/shared-rate-limits.ts';
import { CheckBudget } from './data/check-budget.ts';
import { clusterObserver } from './data/cluster-observer.ts';
import { ClusterStates } from './data/cluster-states.ts';
import type { DataThreadContext } from './data/context.ts';
import { DataPlane } from './data/data-plane.ts';
import { Dialler } from './data/dialler.ts';
import { ownClient } from './data/own-client.ts';
import { RateLimitStates } from './data/rate-limit-states.ts';
import { RequestLog } from './data/request-log.ts';
import { ServedServices } from './data/served-services.ts';
import { SpanBuffer } from './data/span-buffer.ts';
import { TokenKeys } from './data/token-keys.ts';
import { ThreadMetrics } from './data/thread-metrics.ts';
import { UpstreamTlsContexts } from './data/upstream-tls.ts';
import { Upstreams } from './data/upstreams.ts';
import type { Report, TokenKeysChange, TracedSpan } from './messages.ts';
import { type EndpointBehaviour, TestEndpoint } from './test-endpoint.ts';
import { leaf, root } from './test-identities.ts';
import { boundWorkload, clusterName, serviceModel, type TestServiceModel, workloadModel } from './test-models.ts';
import { type Opened, TestTunnels } from './test-tunnels.ts';

/** Who clients are unless told otherwise: the mesh has its workload, `web-1`. */
const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/web';
const WAYPOINT_ID = 'spiffe://cluster.local/ns/shop/sa/waypoint';
export const VIP = '10.96.0.1';

/** The waypoint's pod. */
const OWN_POD = 'waypoint-1';
/** Of its Gateway. */
const OWN_SERVICE = 'shop/waypoint.shop.svc.cluster.local';

/** A pod of the Gateway. */
function replica(name: string, healthy: boolean): Workload {
  return workload(name, {
    healthy,
    identity: requireSpiffeId(WAYPOINT_ID),
    addresses: ['127.0.0.1'],
    workloadName: 'waypoint',
    services: new Map([[OWN_SERVICE, []]]),
  });
}

function ownWorkload(place: string | undefined): Workload {
  return workload(OWN_POD, { identity: requireSpiffeId(WAYPOINT_ID), locality: localityOf(place) });
}

function localityOf(place = ''): Locality {
  const [region = '', zone = '', subzone = ''] = place.split('/');
  return { region, zone, subzone };
}

/** Addresses of the loopback network that no other test of this machine uses at the same time, as far as chance goes. */
function freshNetwork(): string {
  const bytes = randomFillSync(Buffer.alloc(2));
  return `127.${10 + ((bytes[0] ?? 0) % 240)}.${bytes[1] ?? 0}`;
}

/** The service, its endpoints, and what is not as usual about them. */
export interface TestServiceOptions extends TestServiceModel {
  readonly endpoints: Readonly<Record<string, EndpointBehaviour>>;
  /** The identity that endpoints prove, when it is not the one that the mesh says. */
  readonly endpointPrincipal?: string;
  /** Of these endpoints only. */
  readonly endpointPrincipals?: Readonly<Record<string, string>>;
  readonly headTimeoutMs?: number;
  /** Further variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where endpoints are, and `waypoint` itself: region/zone/subzone. Default: nobody knows. */
  readonly localities?: Readonly<Record<string, string>>;
  /** The waypoint is not told of the service. */
  readonly unserved?: boolean;
}

/** A waypoint's data path on a loop of this thread, real TLS and sockets on loopback, clients and endpoints on the same loop. */
export class TestWaypoint {
  /** Uniform in [0, 1). */
  random: () => number = Math.random;
  /** Milliseconds since the epoch. */
  wallTime: () => number = () => systemClock.wallTime();
  readonly loop: TestLoop = new TestLoop();
  readonly reactor: Reactor = this.loop.reactor;
  /** Certificates that the waypoint shows to endpoints. */
  readonly tls: UpstreamTlsContexts = new UpstreamTlsContexts(this.reactor.ledger);
  readonly thread: DataThreadContext;
  readonly address: SocketAddress;
  readonly endpoints: ReadonlyMap<string, TestEndpoint>;
  /** Lines of the access log, as far as they were flushed. */
  readonly log: string[] = [];
  /** How often other data threads were asked to end connections. */
  wanted = 0;
  /** What the control side was told of clusters. */
  readonly reports: Report[] = [];
  readonly #clusters = new SharedClusters(2);
  readonly rateLimits: SharedRateLimits = new SharedRateLimits(() => this.reactor.now);
  /** Spans that were posted to the main thread, which never takes them. */
  readonly spans: TracedSpan[] = [];
  readonly #plane: DataPlane;
  /** Pods that its Gateway has had at most. */
  #replicas = 0;
  readonly #clients: TestTunnels;
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
        locality: localityOf(options.localities?.[name]),
      });
    });
    const store = storeOf({
      services: [
        this.#service,
        service('waypoint', ['10.96.0.2'], { key: OWN_SERVICE, ports: [port(15_008, 15_008)] }),
      ],
      workloads: [
        ...workloads,
        workload('web-1', { addresses: ['127.0.0.1'] }),
        ...(options.localities === undefined ? [] : [ownWorkload(options.localities['waypoint'])]),
      ],
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
      POD_NAME: OWN_POD,
      ...options.environment,
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
      tls: this.tls,
    });
    const choice = { random: () => this.random(), now: () => reactor.now, quarantine: new Quarantine() };
    const upstreams = new Upstreams({
      ...{ store, choice, client: client.current, dialler },
      states: new ClusterStates(0, () => reactor.now, {
        after: (ms, run) => reactor.after(ms, run),
        askOthers: () => {
          this.wanted += 1;
        },
      }),
      observer: clusterObserver(metrics, (report) => this.reports.push(report)),
      isOwnAddress: (ip) => ip === '127.0.0.1',
    });
    const log = new AccessLog(reactor, new SharedArrayBuffer(4));
    this.thread = {
      config,
      reactor,
      store,
      choice,
      services: new ServedServices(upstreams, metrics.requests, new RateLimitStates(0, () => reactor.now)),
      metrics,
      tokens: new TokenKeys({
        wallTime: () => this.wallTime(),
        after: (ms, run) => reactor.after(ms, run),
        want: (source) => {
          this.reports.push({ kind: 'keys-wanted', source });
        },
      }),
      requestLog: new RequestLog('text', log),
      requestIds: new RequestIds((bytes) => {
        randomFillSync(bytes);
      }),
      checks: new CheckBudget(),
      tracer: {
        ids: new TraceIds((bytes) => {
          randomFillSync(bytes);
        }),
        random: () => this.random(),
        spans: new SpanBuffer(reactor, (collector) => {
          metrics.spanDropped(collector);
        }),
        environment: (name) => (name === 'ZONE' ? 'a-1' : undefined),
      },
      wallTime: () => this.wallTime(),
      principal: WAYPOINT_ID,
      connections: new Set(),
      switched: new Set(),
      opaque: new Set(),
    };
    reactor.post = (message: unknown): void => {
      const report = message as Report;
      posted.push(report);
      if (report.kind === 'spans') this.spans.push(...report.spans);
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
    if (options.unserved !== true) this.serve(serviceModel(options));
    const fd = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    reactor.adopt(fd);
    this.address = localAddress(fd);
    this.#plane.handle({ kind: 'listen', fd });
    this.#clients = new TestTunnels(reactor, this.address, WAYPOINT_ID);
  }

  /** Puts a version of the service into force. */
  serve(model: ServedService): void {
    const change = { ...this.#clusters.change([model], []), ...this.rateLimits.change([model], []) };
    this.#plane.handle({ kind: 'services', changed: [model], removed: [], ...change, ticket: 0 });
  }

  /** What the control side says of the keys of issuers. */
  tellKeys(change: Partial<TokenKeysChange>): void {
    this.#plane.handle({ kind: 'token-keys', changed: [], removed: [], settled: [], ...change });
  }

  /** The pod of an endpoint asks for this waypoint, which is told of it; ports that are not listed: `auto`. */
  serveWorkload(
    name: string,
    ports: Readonly<Record<number, Protocol>> = {},
    policies: readonly AuthorizationPolicy[] = [],
  ): void {
    this.tellWorkloads(boundWorkload(this.endpoint(name)));
    const model = workloadModel(this.endpoint(name).uid, { 0: 'auto', ...ports });
    this.serve({ ...model, authorizationPolicies: policies });
  }

  /** The controller says that these may answer for the service too. */
  acceptIdentities(subjectAltNames: readonly string[]): void {
    this.tellService({ subjectAltNames });
  }

  /** The controller describes the service otherwise. */
  tellService(fields: Partial<Service>): void {
    change(this.thread.store, { services: [{ ...this.#service, ...fields }] });
  }

  /** What is under way to the cluster of all endpoints, as a data thread counts it; 0 is that of this waypoint, and 1 stands idle. */
  load(thread = 0): ClusterLoad {
    for (const { model, memory } of this.#clusters.clusters().values()) {
      if (model.name === clusterName()) return new ClusterLoad(memory, thread);
    }
    throw new Error('the cluster is not there');
  }

  /** What a counter has with these labels. */
  count(family: string, ...labels: readonly string[]): number {
    const found = this.thread.metrics.snapshot().counters.find(({ name }) => name === family);
    return found?.samples.find((one) => one.labels.join() === labels.join())?.values[0] ?? 0;
  }

  /** Opens a tunnel to the service as a client's node proxy would. Resolves by turning the loop. */
  open(handler: ByteEndpointHandler, authority?: string, principal?: string): DuplexEndpoint {
    const opened = this.tryOpen(handler, authority, principal);
    if ('status' in opened) throw new Error(`refused with ${opened.status} ${opened.fields.join(' ')}`);
    if ('code' in opened) throw new Error(messageOf(opened));
    return opened;
  }

  tryOpen(handler: ByteEndpointHandler, authority?: string, principal?: string): Opened {
    const opening = this.beginOpen(handler, authority, principal);
    this.loop.until(() => opening.result !== undefined);
    if (opening.result === undefined) throw new Error('no tunnel');
    return opening.result;
  }

  /** As `tryOpen`; whoever calls it turns the loop until there is a result. */
  beginOpen(
    handler: ByteEndpointHandler,
    authority: string = `${VIP}:80`,
    principal: string = CLIENT_ID,
  ): { readonly result: Opened | undefined } {
    return this.#clients.open(handler, authority, principal);
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

  /** The Gateway has so many pods that are ready, this one among them. */
  scaleTo(pods: number): void {
    this.#replicas = Math.max(this.#replicas, pods);
    const replicas = Array.from({ length: this.#replicas }, (_, at) => replica(`waypoint-${at + 1}`, at < pods));
    this.tellWorkloads(...replicas);
    this.#plane.handle({ kind: 'resources', batch: writeBatch(this.thread.store.generation + 1, false, []) });
  }

  /** The lines of the access log so far. */
  lines(): string[] {
    this.thread.requestLog.flush();
    return this.log;
  }

  /** The spans so far. */
  traced(): TracedSpan[] {
    this.thread.tracer.spans.flush();
    return this.spans;
  }

  drain(deadline: number): void {
    this.#plane.handle({ kind: 'drain', deadline, ticket: 1 });
  }

  dispose(): void {
    this.#clients.destroy();
    this.#upstreamPool.destroy();
    for (const endpoint of this.endpoints.values()) endpoint.server.destroy();
    this.loop.pass(10);
    this.reactor.dispose();
  }
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
