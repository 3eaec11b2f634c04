import { formatSocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { DrainTree } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { createLogger, type Logger } from '@ambit/core/log';
import { DeltaServer, type DeltaServerEvent } from '@ambit/xds/delta-server';
import { ResourceCache } from '@ambit/xds/resource-cache';
import { AdmissionServer } from './admission/admission-server.ts';
import { judgeAdmission } from './admission/judge.ts';
import type { AdmissionRequest, Verdict } from './admission/review.ts';
import { Authenticator } from './ca/authenticator.ts';
import { CertificateIssuer } from './ca/issue.ts';
import { PodWait } from './ca/pod-wait.ts';
import { ADMISSION_LINGER_MS, STOP_DEADLINE_MS } from './limits.ts';
import { MeshState } from './model/mesh-state.ts';
import { type Options, readOptions } from './options.ts';
import { openPlatform } from './platform/open-platform.ts';
import { ControlPlaneServer } from './serve/control-plane-server.ts';
import { Counters } from './serve/counters.ts';
import { DiscoveryAccess } from './serve/discovery-access.ts';
import { Publisher } from './serve/publisher.ts';
import { SERVED_TYPES } from './serve/resources.ts';
import { ServerCertificate } from './serve/server-credentials.ts';
import { statusPages } from './serve/status-pages.ts';
import { StatusServer } from './serve/status-server.ts';

/** Aborted once the program is on its way out. */
const stopping = new AbortController();

/** The controller, its parts in the order in which an object meets them on its way to a proxy. */
async function run(options: Options): Promise<void> {
  const clock = systemClock;
  const log = createLogger('istiod-lite', { level: options.logLevel });
  const counters = new Counters();
  const tree = new DrainTree();
  stopOnSignal(tree, log, stopping);

  // A cluster or a directory of manifests: nothing below knows which.
  const platform = tree.add(
    'platform',
    await openPlatform({ options, environment: process.env, clock, log, counters }),
  );

  // What proxies are served; filled by the model, read by the discovery server.
  const cache = new ResourceCache(SERVED_TYPES);

  // What is new goes to a waypoint before it goes to those who send there.
  const publisher = tree.add('publisher', new Publisher(cache, clock));

  // Objects become resources here, and the CA asks here for the pods of a node.
  const { clusterId, clusterDomain, network, revision, rootNamespace, trustDomain } = options;
  const { inCluster, readyWaypoints } = platform;
  const translation = {
    ...{ clusterId, clusterDomain, network, revision, rootNamespace, trustDomain, inCluster },
    sendDryRunPolicies: false,
    pathNormalization: options.pathNormalization,
  };
  const mesh = new MeshState({
    settings: translation,
    publish: (snapshot) => {
      publisher.publish(snapshot.translation, snapshot.changedAt);
      platform.act(snapshot);
    },
    readyWaypoints,
    counters,
    clock,
    log,
  });

  // The source of objects; starting it reads everything once, so that nobody is served a part.
  const config = tree.add(
    'configuration',
    platform.configuration((next) => mesh.apply(next)),
  );

  // For probes and people, who see here what a start waits for.
  const serving: { discovery?: DeltaServer; server?: ControlPlaneServer } = {};
  const status = tree.add(
    'status',
    new StatusServer(
      statusPages({
        mesh,
        clients: () => serving.discovery?.clients() ?? [],
        metrics: () => counters.text(),
        listening: () => serving.server?.address,
        notHonoured: () => platform.notHonoured,
        further: platform.pages,
      }),
    ),
  );
  const statusAddress = await status.listen(options.statusListen);

  // Who may ask at all, and for what; shared by discovery and CA.
  const authenticator = new Authenticator(platform.tokens, clock);
  const settings = { trustDomain, trustedNodeAccounts: new Set(options.trustedNodeAccounts) };
  const podWait = new PodWait(mesh, clock);

  // The CA: before the server, whose own certificate it signs, and before anybody can look for the roots.
  const authority = await platform.openAuthority();
  const issuer = new CertificateIssuer({
    authority,
    authenticator,
    pods: mesh,
    podWait,
    settings,
    counters,
    clock,
    log,
  });
  const certificate = tree.add(
    'server certificate',
    await ServerCertificate.issue({
      authority,
      names: [...serviceNames(rootNamespace, clusterDomain), ...options.serverNames],
      identity: { trustDomain, namespace: rootNamespace, serviceAccount: 'istiod' },
      clock,
      log,
    }),
  );
  await platform.publishRoots(authority);
  authority.onChange = ({ signing }) => {
    if (signing) certificate.renew();
    platform.publishRoots(authority).catch((error: unknown) => {
      log.error({ reason: messageOf(error) }, 'the roots cannot be published');
    });
  };

  // Discovery: sends what changed to whom it lets in.
  const access = new DiscoveryAccess({ authenticator, pods: mesh, podWait, settings, counters, clock, log });
  const discovery = new DeltaServer({
    cache,
    clock,
    authenticate: access.authenticate,
    onEvent: (event: DeltaServerEvent) => {
      if (event.kind === 'converged') {
        counters.observe('pilot_proxy_convergence_time', event.milliseconds / 1_000, { type: event.typeUrl });
        return;
      }
      if (event.kind === 'rejected') counters.count('pilot_total_xds_rejects', { type: event.typeUrl });
      log[levelOf(event)]({ ...event }, `discovery client ${event.kind}`);
    },
  });
  counters.gauge({ name: 'pilot_xds', help: 'Discovery clients.', read: () => discovery.clients().length });
  counters.gauge({
    name: 'ambit_leader',
    help: '1 for the replica that writes to the API server.',
    read: () => Number(platform.leading),
  });
  counters.gauge({
    name: 'ambit_validation_webhook_enforced',
    help: '1 when the API server stores no object of the mesh that the admission webhook has not looked at.',
    read: () => Number(platform.checksObjects),
  });
  counters.gauge({
    name: 'ambit_objects_not_honoured',
    help: 'Objects that are not in force as they are written.',
    read: () => mesh.notHonoured.length + platform.notHonoured.length,
  });
  counters.gauge({
    name: 'citadel_server_root_cert_expiry_timestamp',
    help: 'When the authority expires, seconds since the epoch.',
    read: () => authority.expiresAt / 1_000,
  });

  counters.gauge({
    name: 'ambit_ca_roots',
    help: 'Roots that the mesh trusts; more than one during a handover, or when several are plugged in.',
    read: () => authority.rootCount,
  });
  counters.gauge({
    name: 'ambit_ca_handover_timestamp',
    help: 'When the authority that was plugged in last begins to sign, seconds since the epoch; 0 when it does.',
    read: () => (authority.handoverAt ?? 0) / 1_000,
  });

  // The port that both are on; closed before the discovery streams are, so that no new one comes.
  const server = tree.add('server', new ControlPlaneServer(discovery, issuer, clock));
  tree.add('discovery', discovery);
  Object.assign(serving, { discovery, server });

  // The API server asks here before it stores an object; what it is told follows from the object alone.
  const webhook = await listenForObjects();

  await config.start();
  const listening = await server.listen(options.listen, certificate.credentials);

  const addresses = { address: formatSocketAddress(listening), status: formatSocketAddress(statusAddress), ...webhook };
  log.info(addresses, 'serving');

  async function listenForObjects(): Promise<{ webhook?: string }> {
    if (options.validationWebhook === '') return {};
    const judge = (request: AdmissionRequest): Verdict => judgeAdmission(request, translation);
    const admission = tree.add(
      'admission',
      new AdmissionServer({ judge, lingerMs: ADMISSION_LINGER_MS, clock, counters, log }),
    );
    return { webhook: formatSocketAddress(await admission.listen(options.webhookListen, certificate)) };
  }
}

/** Who is refused, and why, is told where it is decided. */
function levelOf(event: Exclude<DeltaServerEvent, { kind: 'converged' }>): 'debug' | 'info' | 'warn' {
  if (event.kind === 'refused') return 'debug';
  return event.kind === 'rejected' ? 'warn' : 'info';
}

/** From the start on: the first process of a container gets no signal that it does not ask for. */
function stopOnSignal(tree: DrainTree, log: Logger, ending: AbortController): void {
  const stop = (signal: NodeJS.Signals): void => {
    ending.abort();
    log.info({ signal }, 'stopping');
    tree.close({ deadline: STOP_DEADLINE_MS }).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ reason: messageOf(error) }, 'could not stop in order');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

/** By which proxies know the controller. */
function serviceNames(rootNamespace: string, clusterDomain: string): string[] {
  return [...new Set([rootNamespace, 'istio-system'])].flatMap((namespace) => [
    `istiod.${namespace}.svc`,
    `istiod.${namespace}.svc.${clusterDomain}`,
  ]);
}

try {
  await run(readOptions(process.argv.slice(2), process.env));
} catch (error) {
  // What a start was waiting for fails when it is given up.
  if (!stopping.signal.aborted) {
    const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
    process.stderr.write(`istiod-lite: ${code}: ${messageOf(error)}\n`);
    process.exit(code === 'AMBIT_CONFIG' || code === 'AMBIT_KUBE_CONFIG' ? 2 : 1);
  }
}
