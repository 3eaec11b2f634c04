// A data thread: one synchronous loop that owns connections. Nothing in it waits, promises do not resolve in it.
import { randomFillSync } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { isLoopback, isUnspecified } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { formatSpiffeId } from '@ambit/core/spiffe';
import { collectStartGarbage } from '@ambit/core/start-garbage';
import { HbonePool } from '@ambit/hbone/pool';
import { Quarantine } from '@ambit/mesh/endpoint/quarantine';
import { MeshStore } from '@ambit/mesh/mesh-store';
import { AccessLog } from '@ambit/proxy/access-log';
import { Credentials } from '@ambit/proxy/credentials';
import { KEEPALIVE } from '@ambit/proxy/keepalive';
import { trimWhenGrown } from '@ambit/proxy/thread/heap-trim';
import { givePeaksBack } from '@ambit/proxy/thread/peak-memory';
import { DescriptorBudget } from '@ambit/reactor/descriptor-budget';
import { Reactor } from '@ambit/reactor/reactor';
import { RequestIds } from '@ambit/telemetry/request-id';
import { CheckBudget } from './data/check-budget.ts';
import { clusterObserver } from './data/cluster-observer.ts';
import { ClusterStates } from './data/cluster-states.ts';
import { TraceIds } from '@ambit/telemetry/trace/trace-ids';
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
import type { Command, Report, WaypointThreadStart } from './messages.ts';

const { index, config, channel, descriptors, logWritten } = workerData as WaypointThreadStart;

// The loop first: everything below lives on it. What throws in it is reported and costs only its own connection.
const reactor: Reactor = new Reactor({
  clock: systemClock,
  channel,
  onError: (error) => {
    const report: Report = { kind: 'fault', message: `${error.code}: ${error.message}` };
    reactor.post(report);
  },
  onMessage: (message) => {
    dataPlane.handle(message as Command);
  },
});

// Who the waypoint is, and the mesh as the controller describes it.
const identity = {
  trustDomain: config.trustDomain,
  namespace: config.podNamespace,
  serviceAccount: config.serviceAccount,
};
const principal = formatSpiffeId(identity);
const store = new MeshStore({ network: config.network, clusterDomain: config.clusterDomain });
const credentials = new Credentials(reactor.ledger);
const metrics = new ThreadMetrics(() => reactor.now);

// What connections may hold, over all threads.
const account = new DescriptorBudget(descriptors).account(index);

// Towards endpoints: tunnels, connections in them, balancing.
const pool = new HbonePool(reactor, {
  maxStreams: config.maxStreams,
  idleMs: config.poolIdle,
  keepalive: KEEPALIVE,
  account,
  observer: metrics.tunnelObserver,
});
const upstreamTls = new UpstreamTlsContexts(reactor.ledger);
const client = ownClient(store, identity, config);
const dialler = new Dialler(reactor, pool, {
  principal,
  sourceIp: config.instanceIp,
  credential: () => credentials.client(principal),
  fields: client.baggage,
  tls: upstreamTls,
  account,
});
const choice = { random: Math.random, now: () => reactor.now, quarantine: new Quarantine() };
// Each thread counts its milliseconds from its own start: what they tell each other counts from that of the machine.
const sinceBoot = Number(process.hrtime.bigint()) / 1e6 - systemClock.now();
const sharedNow = (): number => reactor.now + sinceBoot;
const states = new ClusterStates(index, sharedNow, {
  after: (ms, run) => reactor.after(ms, run),
  askOthers: (cluster) => {
    const report: Report = { kind: 'connection-wanted', cluster };
    reactor.post(report);
  },
});
const upstreams = new Upstreams({
  ...{ store, choice, client: client.current, dialler, states },
  observer: clusterObserver(metrics, (report) => {
    reactor.post(report);
  }),
  isOwnAddress: (ip) => isLoopback(ip) || isUnspecified(ip) || client.current().addresses.includes(ip),
});

const thread: DataThreadContext = {
  config,
  reactor,
  store,
  choice,
  services: new ServedServices(upstreams, metrics.requests, new RateLimitStates(index, sharedNow)),
  metrics,
  tokens: new TokenKeys({
    wallTime: () => systemClock.wallTime(),
    after: (ms, run) => reactor.after(ms, run),
    want: (source) => {
      const report: Report = { kind: 'keys-wanted', source };
      reactor.post(report);
    },
  }),
  requestLog: new RequestLog(config.logFormat === 'json' ? 'json' : 'text', new AccessLog(reactor, logWritten)),
  requestIds: new RequestIds((bytes) => {
    randomFillSync(bytes);
  }),
  checks: new CheckBudget(),
  tracer: {
    ids: new TraceIds((bytes) => {
      randomFillSync(bytes);
    }),
    random: Math.random,
    spans: new SpanBuffer(reactor, (collector) => {
      metrics.spanDropped(collector);
    }),
    environment: (name) => process.env[name],
  },
  wallTime: () => systemClock.wallTime(),
  principal,
  account,
  connections: new Set(),
  switched: new Set(),
  opaque: new Set(),
};

// Towards clients: the listener, and what the control side says.
const dataPlane = new DataPlane({
  thread,
  credentials,
  upstreams,
  pool,
  observer: metrics.tunnelObserver,
  trustDomains: new Set([config.trustDomain, ...config.trustDomainAliases]),
  clockNow: () => systemClock.now(),
  beforeListening: () => {
    // Nobody waits for the loop yet.
    collectStartGarbage({ code: true });
  },
});
const ready: Report = { kind: 'ready' };
reactor.post(ready);
// The heap is the process's: one thread looks after it.
if (index === 0) trimWhenGrown(reactor, () => process.memoryUsage.rss());
givePeaksBack(reactor, () => dataPlane.load);
reactor.run();
reactor.dispose();
