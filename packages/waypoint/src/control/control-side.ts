import { isIpv6, parseSocketAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { resourceVersions } from '@ambit/mesh/resource/snapshot';
import { openTcpListener } from '@ambit/native/listening-socket';
import { openFileLimit, raiseOpenFileLimit } from '@ambit/native/process';
import type { DescriptorBudgetMemory } from '@ambit/reactor/descriptor-budget';
import { selfTest } from '@ambit/native/self-test';
import { CLIENT_CERTIFICATE_TYPE_URL, SERVED_SERVICE_TYPE_URL } from '@ambit/proto/waypoint';
import { Readiness } from '@ambit/proxy/admin/readiness';
import { Certificates } from '@ambit/proxy/certificates';
import { connectController } from '@ambit/proxy/controller-link';
import { DescriptorWatch } from '@ambit/proxy/descriptor-watch';
import { FaultLog } from '@ambit/proxy/fault-log';
import { STALL_AFTER } from '@ambit/proxy/limits';
import { LogWriter } from '@ambit/proxy/log-writer';
import { lookUpBy } from '@ambit/proxy/names/name-lookup';
import { openDescriptors } from '@ambit/proxy/open-descriptors';
import { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { ADDRESS_TYPE, AUTHORIZATION_TYPE, Resources } from '@ambit/proxy/resources';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import { MAX_JWKS_BYTES } from '@ambit/traffic/limits';
import { REQUEST_FAMILIES } from '@ambit/telemetry/request-families';
import { requestSamples, type RequestSnapshot } from '@ambit/telemetry/request-snapshot';
import { openAdminListeners } from '../admin/listeners.ts';
import type { Config } from '../config.ts';
import { NAMES_HEAD_START_MS, SPANS_FAREWELL_MS } from '../limits.ts';
import type { Command, Report, WaypointStart } from '../messages.ts';
import { ClientCertificates } from './client-certificates.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { distributeServices } from './distribute-services.ts';
import { forbiddenAddress } from './fetch-guard.ts';
import { addressesOf, guardedFetch } from './guarded-fetch.ts';
import { KeySets } from './key-sets.ts';
import { Spans } from './spans.ts';
import { Services } from './services.ts';
import { SharedClusters } from './shared-clusters.ts';
import { SharedRateLimits } from './shared-rate-limits.ts';

export interface ControlSideOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Milliseconds of the clock that all threads share. */
  readonly sharedNow: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly threads: DataThreads<Command, Report, WaypointStart>;
  /** What the threads' connections may hold, as the threads know it. */
  readonly descriptors: DescriptorBudgetMemory;
  /** Resolves when a data thread turns its loop. */
  readonly started: Promise<void>;
}

/**
 * Assembles the control side: it learns of the mesh, of the services to serve and of its own certificate, and tells the data
 * threads. It never parses bytes that a peer sent. Nothing is accepted before all of that is there.
 */
export async function runControlSide(options: ControlSideOptions): Promise<void> {
  const { config, clock, random, log, threads } = options;
  raiseOpenFileLimit();
  selfTest();

  const accessLog = new LogWriter();
  const metrics = new ProxyMetrics('waypoint', clock.wallTime(), {
    families: REQUEST_FAMILIES,
    samples: (report) => [
      ...report.counters,
      ...('requests' in report ? requestSamples(report.requests as RequestSnapshot) : []),
    ],
  });
  const spans = new Spans(clock, log, metrics.own);
  const faults = new FaultLog(log, clock);
  // Connections never take the descriptors that this side needs.
  const descriptors = new DescriptorWatch({
    ...{ clock, log, metrics: metrics.own, memory: options.descriptors, openFileLimit, openDescriptors },
    owners: () => [],
  });
  descriptors.start();
  const readiness = new Readiness(
    ['data threads', 'controller', 'certificate', 'listener'],
    () => threads.heartbeatAges(),
    STALL_AFTER,
  );

  // What the controller says of the mesh.
  const resources: Resources = new Resources({
    network: config.network,
    clusterDomain: config.clusterDomain,
    log,
    // Endpoints that are known by a name only.
    names: { clock, random, lookUp: lookUpBy(''), prefersIpv6: isIpv6(config.instanceIp) },
    distribute: async (batch) => {
      threads.broadcast({ kind: 'resources', batch });
      await threads.applied(batch.generation);
    },
    onApplied: () => undefined,
  });

  // What it says of the services to serve.
  const clusters = new SharedClusters(config.dataThreads);
  const rateLimits = new SharedRateLimits(options.sharedNow);
  const clusterWatch = new ClusterWatch({ clusters, clock, log, metrics: metrics.own });
  // By what tokens are checked.
  const keySets = new KeySets({
    ...{ clock, random, log, metrics: metrics.own },
    fetch: guardedFetch({
      clock,
      lookUp: addressesOf,
      forbidden: (ip) => (ip === config.instanceIp ? 'is this waypoint' : forbiddenAddress(ip)),
      limit: MAX_JWKS_BYTES,
    }),
    broadcast: (change) => {
      threads.broadcast({ kind: 'token-keys', ...change });
    },
  });
  const services: Services = new Services({
    log,
    distribute: (changed, removed) =>
      distributeServices(
        {
          ...{ clusters, rateLimits, keySets, models: () => services.models() },
          tell: async (change) => {
            for (const report of await threads.ask((ticket) => ({ kind: 'services', ...change, ticket }))) {
              if (report.kind === 'done' && report.error !== undefined)
                log.error({ error: report.error }, 'a data thread could not follow');
            }
          },
        },
        changed,
        removed,
      ),
  });

  // As whom it comes to endpoints that ask for a certificate.
  const clientCertificates = new ClientCertificates({
    log,
    distribute: async (changed, removed) => {
      await threads.ask((ticket) => ({ kind: 'client-certificates', changed, removed, ticket }));
    },
  });

  // Who the waypoint is.
  const identity = {
    trustDomain: config.trustDomain,
    namespace: config.podNamespace,
    serviceAccount: config.serviceAccount,
  };
  const certificates = new Certificates({
    config,
    clock,
    random,
    log,
    broadcast: (command) => {
      threads.broadcast(command);
    },
    onChanged: () => {
      if (certificates.store.get(identity) !== undefined) readiness.done('certificate');
    },
  });

  const listening: { fd?: number } = {};
  let ending: Promise<void> | undefined;
  threads.owner = {
    *state(): Generator<Command> {
      yield* certificates.commands();
      if (resources.generation > 0) yield { kind: 'resources', batch: resources.snapshot() };
      const shown = clientCertificates.all();
      if (shown.length > 0) yield { kind: 'client-certificates', changed: shown, removed: [], ticket: 0 };
      yield { kind: 'token-keys', ...keySets.all() };
      const changed = services.models();
      if (changed.length > 0)
        yield {
          ...{ kind: 'services', changed, removed: [], memory: clusters.memory(), forgotten: [] },
          ...{ buckets: rateLimits.buckets(), forgottenBuckets: [], ticket: 0 },
        };
      if (listening.fd !== undefined && !isEnding()) yield { kind: 'listen', fd: listening.fd };
    },
    onReport: (thread, report) => {
      if (report.kind === 'log') accessLog.write(report.lines, report.dropped);
      if (report.kind === 'connection-wanted') threads.broadcast({ kind: 'give-way', cluster: report.cluster });
      if (report.kind === 'keys-wanted') void keySets.wanted(report.source);
      if (report.kind === 'ejected') clusterWatch.ejected(report.cluster, report.ejection);
      if (report.kind === 'breaker') clusterWatch.breakerChanged(report.cluster, report.state);
      if (report.kind === 'spans') {
        spans.take(report.spans);
        threads.tell(thread, { kind: 'spans-taken' });
      }
      if (report.kind === 'fault') faults.report(thread, report.message);
    },
    onReplaced: (thread, reason) => {
      metrics.threadReplaced(thread, reason);
      descriptors.threadEnded(thread);
      clusters.threadEnded(thread);
      rateLimits.threadEnded(thread);
    },
  };

  await options.started;
  readiness.done('data threads');
  const certified = certificates.use(identity);
  certificates.watchRoots();
  const controller = connectController({
    settings: config,
    role: 'waypoint',
    metadata: { WAYPOINT_NAME: config.gatewayName, WAYPOINT_NAMESPACE: config.podNamespace },
    clock,
    random,
    log,
    metrics,
    // Policies before what names them, services before the traffic that they bring.
    types: [AUTHORIZATION_TYPE, SERVED_SERVICE_TYPE_URL, ADDRESS_TYPE],
    held: new Map([
      [AUTHORIZATION_TYPE, resourceVersions(resources.store, 'authorization')],
      [ADDRESS_TYPE, resourceVersions(resources.store, 'address')],
      [SERVED_SERVICE_TYPE_URL, services.versions()],
    ]),
    apply: async (update) => {
      if (update.typeUrl === CLIENT_CERTIFICATE_TYPE_URL) return clientCertificates.apply(update);
      if (update.typeUrl !== SERVED_SERVICE_TYPE_URL) return resources.apply(update);
      const rejected = await services.apply(update);
      // Not before somebody wants one: a controller that does not know the type ends the stream.
      if (services.nameCertificates) controller?.ask(CLIENT_CERTIFICATE_TYPE_URL);
      return rejected;
    },
  });
  const admin = await openAdminListeners({
    clock,
    config,
    threads,
    certificates,
    resources,
    services,
    clusters: clusterWatch,
    rateLimits,
    keySets,
    readiness,
    metrics,
    accessLog,
    quit: () => void end(),
  });

  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());

  await Promise.all([resources.known, services.known]);
  // What comes at once must not fail because nobody has asked for a name yet.
  await Promise.race([resources.names.settled(), pause(clock, NAMES_HEAD_START_MS)]);
  readiness.done('controller');
  await certified;
  // The end may have been asked for meanwhile.
  if (isEnding()) return;
  listening.fd = listen(config.hboneAddress);
  threads.broadcast({ kind: 'listen', fd: listening.fd });
  readiness.done('listener');
  log.info({ address: config.hboneAddress, services: services.models().length }, 'tunnels are taken');

  function isEnding(): boolean {
    return ending !== undefined;
  }

  /** Lets what runs finish; a second call cuts what is left. */
  function end(): Promise<void> {
    if (ending !== undefined) {
      log.warn('asked twice to end: open connections are cut');
      process.exit(0);
    }
    ending = (async () => {
      log.info({ delay: config.drainDelay }, 'the waypoint ends: it is not ready any more, and takes what still comes');
      readiness.lost('ending');
      // Peers learn from the controller that the pod leaves, while it already does.
      await pause(clock, config.drainDelay);
      log.info({ deadline: config.drainDeadline }, 'no new connections, open requests may finish');
      await threads.ask((ticket) => ({ kind: 'drain', deadline: config.drainDeadline, ticket }));
      await threads.stop();
      await spans.close(SPANS_FAREWELL_MS);
      await controller?.close({ deadline: 1_000 });
      await admin.close();
      log.info('the waypoint has ended');
      process.exit(0);
    })();
    return ending;
  }
}

function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, milliseconds);
  });
}

function listen(address: string): number {
  const parsed = parseSocketAddress(address);
  if (parsed === undefined)
    throw new AmbitError('AMBIT_CONFIG', `HBONE_ADDR=${JSON.stringify(address)} is not ip:port`, {
      source: 'configuration',
    });
  return openTcpListener({ address: parsed, reusePort: true });
}
