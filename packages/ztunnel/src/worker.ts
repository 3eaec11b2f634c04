// A data thread: one synchronous loop that owns connections. Nothing in it waits, promises do not resolve in it.
import { systemClock } from '@ambit/core/clock';
import { collectStartGarbage, START_GARBAGE_AFTER } from '@ambit/core/start-garbage';
import type { RelayOutcome } from '@ambit/hbone/tunnel';
import { Quarantine } from '@ambit/mesh/endpoint/quarantine';
import { MeshStore } from '@ambit/mesh/mesh-store';
import { TcpRelay } from '@ambit/reactor/relay';
import { DescriptorBudget } from '@ambit/reactor/descriptor-budget';
import { DescriptorCounts } from '@ambit/reactor/descriptor-counts';
import { Reactor } from '@ambit/reactor/reactor';
import { TraceContexts } from '@ambit/telemetry/trace-context';
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { AccessLog } from '@ambit/proxy/access-log';
import type { DataThreadContext } from './data/context.ts';
import { Credentials } from '@ambit/proxy/credentials';
import { DataPlane } from './data/data-plane.ts';
import { upstreamResolver } from './data/dns-forwarder.ts';
import { Judge } from './data/judge.ts';
import { ThreadMetrics } from './data/thread-metrics.ts';
import { KEEPALIVE } from '@ambit/proxy/keepalive';
import { trimWhenGrown } from '@ambit/proxy/thread/heap-trim';
import { givePeaksBack } from '@ambit/proxy/thread/peak-memory';
import type { Command, NodeThreadStart, Report } from './messages.ts';
import { UnansweredConnections } from './unanswered.ts';

const { index, config, channel, unanswered, descriptors, logWritten } = workerData as NodeThreadStart;

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

// The mesh as the controller describes it; what routes and judges every connection.
const store = new MeshStore({ network: config.network, clusterDomain: config.clusterDomain });
const metrics = new ThreadMetrics(() => reactor.now);
const accessLog = new AccessLog(reactor, logWritten);

// What connections may hold, over all threads.
const budget = new DescriptorBudget(descriptors);

const context: DataThreadContext = {
  config,
  reactor,
  store,
  choice: { random: Math.random, now: () => reactor.now, quarantine: new Quarantine() },
  credentials: new Credentials(reactor.ledger),
  judge: new Judge(reactor, store),
  metrics,
  accessLog,
  unanswered: new UnansweredConnections(unanswered),
  traces: new TraceContexts(randomFillSync),
  clockNow: () => systemClock.now(),
  wallTime: () => systemClock.wallTime(),
  place: { network: config.network, cluster: config.clusterId, node: config.nodeName },
  trustDomains: new Set([config.trustDomain, ...config.trustDomainAliases]),
  keepalive: KEEPALIVE,
  accountOf: (pod) => budget.account(index, new DescriptorCounts(pod.descriptors)),
  dnsUpstream: upstreamResolver(config.dnsUpstream, resolvConf()),
  tunnelObserver: metrics.tunnelObserver,
  relayPlain: (a, b, onEnd) => {
    const relay = new TcpRelay(reactor, a, b, (bytesFromApplication, bytesToApplication, error) => {
      const outcome: RelayOutcome = { bytesFromApplication, bytesToApplication, error };
      onEnd(outcome);
    });
    return {
      cut: (error) => {
        relay.destroy(error);
      },
    };
  },
};

const dataPlane = new DataPlane(context);
const ready: Report = { kind: 'ready' };
reactor.post(ready);
// One short collection, before the loop has much to do.
reactor.after(START_GARBAGE_AFTER, () => {
  collectStartGarbage({ code: false });
});
// The heap is the process's: one thread looks after it.
if (index === 0) trimWhenGrown(reactor, () => process.memoryUsage.rss());
givePeaksBack(reactor, () => dataPlane.load);
reactor.run();
reactor.dispose();

function resolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}
