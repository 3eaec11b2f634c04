import { isIpv6 } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { ResourceBatch } from '@ambit/mesh/resource/batch';
import { openFileLimit, raiseOpenFileLimit, setParentDeathSignal } from '@ambit/native/process';
import type { DescriptorBudgetMemory } from '@ambit/reactor/descriptor-budget';
import { selfTest } from '@ambit/native/self-test';
import { Readiness } from '@ambit/proxy/admin/readiness';
import type { Config } from '../config.ts';
import { Estate } from '../keeper/estate.ts';
import { STALL_AFTER } from '@ambit/proxy/limits';
import type { Command, NodeStart, Report } from '../messages.ts';
import { UnansweredConnections } from '../unanswered.ts';
import type { ControlPlaneLinks } from './control-plane.ts';
import { Certificates } from '@ambit/proxy/certificates';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import { DescriptorWatch } from '@ambit/proxy/descriptor-watch';
import { FaultLog } from '@ambit/proxy/fault-log';
import { openDescriptors } from '@ambit/proxy/open-descriptors';
import { LogWriter } from '@ambit/proxy/log-writer';
import { DirectConnections } from './direct-connections.ts';
import { directReport } from './direct-report.ts';
import { Pods } from './pods.ts';
import { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { lookUpBy } from '@ambit/proxy/names/name-lookup';
import { Resources } from '@ambit/proxy/resources';
import { LastState } from './last-state.ts';

const SIGTERM_NUMBER = 15;

export interface ControlSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly threads: DataThreads<Command, Report, NodeStart>;
  /** What the threads' connections may hold, as the threads know it. */
  readonly descriptors: DescriptorBudgetMemory;
  /** Resolves when a data thread turns its loop. */
  readonly started: Promise<void>;
  /** Process id of the keeper, when there is one. */
  readonly keeper: string | undefined;
}

/**
 * Assembles the control side: it knows the mesh, the node's pods and their certificates, and tells the data threads. It
 * never parses bytes that a peer or an application sent. The parts stand in the order in which a successor needs them.
 */
export async function runControlSide(options: ControlSideOptions): Promise<void> {
  const { config, clock, random, log, threads, keeper } = options;

  raiseOpenFileLimit();
  // A keeper that dies takes its proxy with it: two of them must not hold the same pods unseen.
  if (keeper !== undefined) setParentDeathSignal(SIGTERM_NUMBER);

  const estate = new Estate(clock, log, keeper);
  const inheritance = estate.recall();
  // Fail early, with the name of what is missing, rather than at the first connection. What a predecessor could do on
  // this machine a successor can, and clients are waiting for it.
  if (inheritance.pods.length === 0) selfTest({ capabilities: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] });

  const accessLog = new LogWriter();
  const faults = new FaultLog(log, clock);
  const metrics = new ProxyMetrics('ztunnel', clock.wallTime());
  const { snapshotDirectory } = config;
  const lastState = new LastState({
    ...{ snapshotDirectory, clock, log, estate, metrics },
    remembers: (identity) => pods.remembers(identity),
  });

  // The end may be asked for before the links exist.
  const links: { controlPlane?: ControlPlaneLinks } = {};

  // What the controller says, and what was known before this process.
  const resources: Resources = new Resources({
    network: config.network,
    clusterDomain: config.clusterDomain,
    log,
    // Endpoints that are known by a name only.
    names: { clock, random, lookUp: lookUpBy(config.dnsUpstream), prefersIpv6: isIpv6(config.instanceIp) },
    distribute: async (batch: ResourceBatch) => {
      threads.broadcast({ kind: 'resources', batch });
      await threads.applied(batch.generation);
    },
    onApplied: (changes) => {
      lastState.resourcesChanged(resources);
      if (changes !== undefined) direct.meshChanged(changes);
    },
  });

  const certificates: Certificates = new Certificates({
    config,
    clock,
    random,
    log,
    broadcast: (command) => {
      threads.broadcast(command);
    },
    onChanged: (state, fresh) => {
      lastState.certificatesChanged(certificates, state, fresh);
    },
  });

  // The pods, which the node agent names; served as soon as the mesh is known.
  const pods: Pods = new Pods({
    clock,
    config,
    log,
    estate,
    known: resources.known,
    ask: (command) => threads.ask(command),
    onIdentityUsed: (identity) => certificates.use(identity),
    onIdentityUnused: (identity) => {
      certificates.forget(identity);
    },
    onPlaintextRedirected: (uid, redirected) => {
      direct.redirected(uid, redirected);
    },
    onRemembered: () => {
      lastState.identitiesChanged(certificates);
    },
  });

  // What the pods accepted in plaintext before they were enrolled: no data thread sees it.
  const store = (): MeshStore => resources.store;
  const direct: DirectConnections = new DirectConnections({
    ...{ clock, store, pod: (uid) => pods.find(uid) },
    ...directReport({
      ...{ config, clock, log, accessLog, metrics, store },
      tell: (uid, summary) => links.controlPlane?.tellConnectionsReset(uid, summary),
    }),
  });

  // Connections never take the descriptors that this side needs, nor one pod those of the others.
  const descriptors = new DescriptorWatch({
    ...{ clock, log, metrics: metrics.own, memory: options.descriptors, openFileLimit, openDescriptors },
    owners: () => pods.descriptorOwners(),
  });
  descriptors.start();

  const readiness = new Readiness(
    ['data threads', 'controller', 'node agent'],
    () => threads.heartbeatAges(),
    STALL_AFTER,
  );
  if (lastState.problem !== undefined) readiness.note(`no snapshot is kept: ${lastState.problem}`);

  threads.owner = {
    *state(): Generator<Command> {
      yield* meshState();
      yield* pods.commands();
    },
    onReport,
    onReplaced: (thread, reason) => {
      metrics.threadReplaced(thread, reason);
      descriptors.threadEnded(thread);
    },
    // Connections that the thread had accepted and not touched go to its successor.
    salvage: (start) => {
      const unanswered = UnansweredConnections.read(start.unanswered);
      return { spared: unanswered.map(({ fd }) => fd), resume: pods.resume(unanswered) };
    },
  };
  lastState.restore(inheritance.states, { resources, certificates });
  certificates.watchRoots();
  for (const command of meshState()) threads.broadcast(command);
  // Nobody waits for the slowest thread: whichever turns first serves. Without a usable state of the mesh nothing is
  // served before the controller has answered: what is not known cannot be judged.
  void pods.inherit(inheritance.pods);
  await options.started;
  readiness.done('data threads');

  // The proxy serves now what its predecessor served. What follows loads libraries and speaks with others.
  const { openAdminListeners } = await import('../admin/listeners.ts');
  const admin = await openAdminListeners({
    clock,
    config,
    threads,
    pods,
    certificates,
    resources,
    readiness,
    metrics,
    accessLog,
    quit: () => void end(),
  });
  const { connectControlPlane } = await import('./control-plane.ts');
  links.controlPlane = connectControlPlane({
    ...{ config, clock, random, log, resources, certificates, pods, readiness, metrics },
  });

  let ending: Promise<void> | undefined;
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());

  /** Hands over and drains; a second call cuts what is left. */
  function end(): Promise<void> {
    if (ending !== undefined) {
      log.warn('asked twice to end: open connections are cut');
      process.exit(0);
    }
    ending = (async () => {
      log.info({ deadline: config.drainDeadline }, 'the proxy ends: no new connections, open ones may finish');
      estate.bidFarewell();
      // Without pods nothing of theirs stays behind.
      if (pods.list().length === 0) lastState.identitiesChanged(certificates);
      lastState.close();
      readiness.lost('ending');
      links.controlPlane?.leave();
      await pods.drain(config.drainDeadline);
      await threads.stop();
      await links.controlPlane?.close();
      await admin.close();
      log.info('the proxy has ended');
      process.exit(0);
    })();
    return ending;
  }

  /** What a data thread must know before it serves a pod. */
  function* meshState(): Generator<Command> {
    yield* certificates.commands();
    if (resources.generation > 0) yield { kind: 'resources', batch: resources.snapshot() };
  }

  function onReport(thread: number, report: Report): void {
    if (report.kind === 'log') accessLog.write(report.lines, report.dropped);
    if (report.kind === 'done' && report.error !== undefined)
      log.error({ thread, error: report.error }, 'a data thread could not follow');
    if (report.kind === 'fault') faults.report(thread, report.message);
  }
}
