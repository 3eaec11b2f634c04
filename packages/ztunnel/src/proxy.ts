// The proxy: control side of the process. It knows the mesh, the node's pods and their certificates, and tells the data
// threads. It never parses bytes that a peer or an application sent.
import { systemClock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { createLogger, type LogLevel } from '@ambit/core/log';
import { openBatch, type ResourceBatch } from '@ambit/mesh/resource/batch';
import { raiseOpenFileLimit, setParentDeathSignal } from '@ambit/native/process';
import { selfTest } from '@ambit/native/self-test';
import { AdminListeners } from './admin/listeners.ts';
import { Readiness } from './admin/readiness.ts';
import { readConfig } from './config.ts';
import { Certificates } from './control/certificates.ts';
import { DataThreads } from './control/data-threads.ts';
import { LogWriter } from './control/log-writer.ts';
import { Pods } from './control/pods.ts';
import { ProxyMetrics } from './control/proxy-metrics.ts';
import { Resources } from './control/resources.ts';
import { Estate } from './keeper/estate.ts';
import { STALL_AFTER } from './limits.ts';
import type { Command, Report } from './messages.ts';

const SIGTERM_NUMBER = 15;
/** The state is written for a successor at most this often, milliseconds. */
const DEPOSIT_INTERVAL = 200;

const config = readConfig(process.env);
const log = createLogger('ztunnel', { level: config.logLevel as LogLevel });
const clock = systemClock;

process.on('unhandledRejection', (error) => {
  log.fatal(
    { error: messageOf(error) },
    'a promise was rejected and nobody noticed; the proxy ends and is started again',
  );
  process.exit(1);
});

// Fail early, with the name of what is missing, rather than at the first connection.
selfTest();
raiseOpenFileLimit();
// A keeper that dies takes its proxy with it: two of them must not hold the same pods unseen.
if (process.env.AMBIT_KEEPER !== undefined) setParentDeathSignal(SIGTERM_NUMBER);

let depositing = false;
const estate = new Estate(clock, log, process.env.AMBIT_KEEPER);
const inheritance = estate.recall();

const accessLog = new LogWriter();
const metrics = new ProxyMetrics(clock.wallTime());

// Threads before everything that feeds them; they ask for their state when they start, so its owners come lazily.
const threads: DataThreads = new DataThreads({
  config,
  clock,
  log,
  state: function* (): Generator<Command> {
    yield* certificates.commands();
    if (resources.generation > 0) yield { kind: 'resources', batch: resources.snapshot() };
    yield* pods.commands();
  },
  onReport,
  onReplaced: (thread, reason) => {
    metrics.threadReplaced(thread, reason);
  },
});

// What the controller says, and what was known before this process.
const resources: Resources = new Resources({
  network: config.network,
  clusterDomain: config.clusterDomain,
  log,
  distribute: async (batch: ResourceBatch) => {
    threads.broadcast({ kind: 'resources', batch });
    await threads.applied(batch.generation);
  },
  onApplied: () => {
    depositResources();
  },
});

const certificates: Certificates = new Certificates({
  config,
  clock,
  random: Math.random,
  log,
  broadcast: (command) => {
    threads.broadcast(command);
  },
  onChanged: (state) => {
    estate.holdState('certificates', state);
  },
});

// The pods, which the node agent names; served as soon as the mesh is known.
const pods: Pods = new Pods({
  config,
  log,
  estate,
  known: resources.known,
  ask: (command) => threads.ask(command),
  onIdentityUsed: (identity) => certificates.use(identity),
  onIdentityUnused: (identity) => {
    certificates.forget(identity);
  },
});

const readiness = new Readiness(
  ['data threads', 'controller', 'node agent'],
  () => threads.heartbeatAges(),
  STALL_AFTER,
);

restore();
await threads.start();
readiness.done('data threads');
await pods.inherit(inheritance.pods);

// The proxy serves now what its predecessor served. What follows loads libraries and speaks with others.
const admin = await AdminListeners.open({
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
const { connectControlPlane } = await import('./control/control-plane.ts');
const controlPlane = connectControlPlane({ config, clock, log, resources, pods, readiness, metrics });

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
    readiness.lost('ending');
    controlPlane.leave();
    await pods.drain(config.drainDeadline);
    await threads.stop();
    await controlPlane.close();
    await admin.close();
    log.info('the proxy has ended');
    process.exit(0);
  })();
  return ending;
}

function restore(): void {
  const saved = inheritance.states.get('resources');
  const savedCertificates = inheritance.states.get('certificates');
  if (savedCertificates !== undefined) certificates.restore(savedCertificates);
  if (saved === undefined) return;
  const shared = new SharedArrayBuffer(saved.length);
  new Uint8Array(shared).set(saved);
  try {
    resources.restore(openBatch(shared));
  } catch (error) {
    log.error(
      { error: messageOf(error) },
      'the resources of the predecessor cannot be used; waiting for the controller',
    );
  }
}

/** A successor that starts from a state a little older asks the controller for the difference. */
function depositResources(): void {
  if (depositing) return;
  depositing = true;
  clock.setTimeout(
    () => {
      depositing = false;
      const { bytes } = resources.snapshot();
      estate.holdState('resources', new Uint8Array(bytes));
    },
    DEPOSIT_INTERVAL,
    { background: true },
  );
}

function onReport(thread: number, report: Report): void {
  if (report.kind === 'log') accessLog.write(report.text, report.dropped);
  if (report.kind === 'fault')
    log.error({ thread, error: report.message }, 'an error in a data thread cost its connection');
}
