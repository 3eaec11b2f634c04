import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { DrainTree } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { createLogger } from '@ambit/core/log';
import { HostProbes } from '@ambit/enrolment/host-probes';
import { apiServerOfKubeconfig, inClusterApiServer } from '@ambit/kube/api-server';
import { KubeClient } from '@ambit/kube/client';
import { EventRecorder } from '@ambit/kube/events';
import { Informer } from '@ambit/kube/informer';
import { DAEMON_SETS, NAMESPACES, PODS } from '@ambit/kube/resource';
import { namespaceIdentity } from '@ambit/native/namespace';
import { selfTest } from '@ambit/native/self-test';
import type { CaptureDecision } from '@ambit/translation/enrolment';
import { ZdsAgent } from '@ambit/zds/agent';
import { type Config, readConfig } from './config.ts';
import { checkNftables, hostHasIpv6, openHostNamespace } from './host-namespace.ts';
import { ConfigFolder } from './install/config-folder.ts';
import { Installer } from './install/installer.ts';
import { PLUGIN_TYPE } from './install/network-list.ts';
import { Departure } from './leave/departure.ts';
import { DAEMONSET_NAME, type DaemonSetObject, type Fate, fateOf } from './leave/mark.ts';
import { POD_REQUEST_MS, STOP_DEADLINE_MS } from './limits.ts';
import { FAILURES, PLUGIN_REQUESTS, ZTUNNEL_CONNECTED } from './metric-families.ts';
import { AgentMetrics } from './metrics.ts';
import { Admission } from './plugin/admission.ts';
import { PluginServer } from './plugin/plugin-server.ts';
import { eligibility, isEnrolledNamespace, type NamespaceObject, namespaceFacts } from './pods/eligibility.ts';
import type { NodePod, PodObject } from './pods/node-pod.ts';
import { NodePods } from './pods/node-pods.ts';
import { PodNamespaces } from './pods/pod-namespace.ts';
import { kubeletUid, runsOnNode } from './pods/process-scan.ts';
import { Proof } from './pods/proof.ts';
import { RedirectionAnnotation } from './pods/redirection-annotation.ts';
import { Readiness } from './readiness.ts';
import { StatusServer } from './status-server.ts';
import { namespaceView, StoredView } from './stored-view.ts';

/** The node agent, its parts in the order in which a pod meets them on its way into the mesh. */
async function run(config: Config): Promise<void> {
  const clock = systemClock;
  const log = createLogger('istio-cni', { level: config.logLevel });
  const metrics = new AgentMetrics();
  const readiness = new Readiness();
  const tree = new DrainTree();

  // For probes and scrapers: first, so that a start that hangs can say where.
  tree.add('readiness', await StatusServer.listen(config.readinessPort, readiness.pages()));
  const metricsPage = (): { status: number; text: string } => ({ status: 200, text: metrics.text() });
  tree.add('metrics', await StatusServer.listen(config.metricsPort, { '/metrics': metricsPage }));

  // What the node must be able to do, before anything is promised.
  selfTest({ capabilities: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] });
  const host = openHostNamespace(config.hostProc);
  checkNftables(host);
  mkdirSync(config.runDirectory, { recursive: true, mode: 0o755 });

  // Who belongs into the mesh: as the API server says, and as long as it is away, as it last said.
  const server = config.kubeconfig === '' ? inClusterApiServer(process.env) : apiServerOfKubeconfig(config.kubeconfig);
  const client = tree.add('client', new KubeClient(server, { clock, userAgent: 'ambit-cni/0.1.0' }));
  const instance = config.podName;
  const events = tree.add('events', new EventRecorder({ client, component: DAEMONSET_NAME, instance, clock, log }));
  let fate: Fate = { kind: 'stays' };
  const isLeaving = (): boolean => fate.kind === 'leaves';
  const rules = { excludedNamespaces: config.excludeNamespaces, meshNamespace: config.podNamespace };
  const decide = (pod: NodePod): CaptureDecision => {
    if (fate.kind === 'leaves') return { captured: false, reason: 'the mesh leaves this node' };
    return eligibility(pod, namespaceFacts(namespaces.get(pod.namespace)), rules);
  };
  const report = (pod: NodePod, error: AmbitError): void => {
    metrics.count(FAILURES, error.code);
    log.warn({ pod: pod.key, code: error.code, error: error.message }, 'a pod is not where it belongs');
    events.record(pod.object, 'Warning', 'MeshEnrolment', error.message);
  };

  // The node proxies; they wait until every pod is known, because one that their snapshot lacks is given up.
  let proxies = 0;
  const zds = tree.add(
    'proxies',
    await ZdsAgent.listen({
      path: config.zdsSocket,
      clock,
      held: true,
      onProxies: (greeted, synced) => {
        proxies = greeted;
        metrics.set(ZTUNNEL_CONNECTED, greeted);
        log.info({ connected: greeted, synced }, 'node proxies');
      },
      onConnectionsReset: (uid, message) => {
        const pod = pods.find(uid)?.pod;
        if (pod === undefined) return;
        log.info({ pod: pod.key, what: message }, 'plaintext from before the enrolment');
        events.record(pod.object, 'Warning', 'MeshPlaintextReset', message);
      },
      onProblem: ({ code, message }) => log.warn({ code, error: message }, 'a node proxy misbehaves'),
    }),
  );

  // Kubelet's probes of enrolled pods.
  const kubelet = config.kubeletUid === -1 ? kubeletUid(config.hostProc) : config.kubeletUid;
  const probes = new HostProbes(host, {
    kubeletUid: kubelet,
    ipv6: config.ipv6 && hostHasIpv6(host, config.hostProc),
  });

  // The pods themselves, each with its namespace, its enrolment and its mark for the controller.
  const annotation = new RedirectionAnnotation({
    client,
    clock,
    isWritten: ({ uid, name, namespace }) => {
      const object = podObjects.get(name, namespace);
      return (
        object?.metadata.uid === uid && object.metadata.annotations?.['ambient.istio.io/redirection'] === 'enabled'
      );
    },
    report: (error) => {
      metrics.count(FAILURES, error.code);
      log.warn({ code: error.code, error: error.message }, 'a pod is not marked');
    },
  });
  const pods = new NodePods({
    isEligible: (pod) => decide(pod).captured,
    member: {
      zds,
      probes,
      annotation,
      namespaces: new PodNamespaces({
        hostProc: config.hostProc,
        hostNetns: config.hostNetns,
        host: namespaceIdentity(host),
        clock,
      }),
      clock,
      hostProc: config.hostProc,
      dnsCapture: config.dnsCapture,
      ipv6: config.ipv6,
      leaveDeadline: () => (fate.kind === 'leaves' ? fate.drain : config.leaveDeadline || Number.POSITIVE_INFINITY),
      proxies: () => proxies,
      report,
    },
  });

  // What the API server says. Before the pods of an earlier agent are taken over, nothing is done with it.
  const begun = Promise.withResolvers<undefined>();
  let isBegun = false;
  const view = new StoredView(config.runDirectory, {
    clock,
    log,
    read: () =>
      namespaceView(
        [...namespaces.values()]
          .map((object) => namespaceFacts(object))
          .map((facts) => ({
            name: facts.name,
            enrolled: fate.kind !== 'leaves' && isEnrolledNamespace(facts, rules),
          })),
      ),
  });
  const namespaces = tree.add(
    'namespaces',
    new Informer<NamespaceObject>({
      client,
      resource: NAMESPACES,
      clock,
      log,
      onChange: ({ object }) => {
        if (!isBegun) return;
        if (!isLeaving()) view.changed();
        pods.namespaceChanged(object.metadata.name);
      },
    }),
  );
  const podObjects = tree.add(
    'pods',
    new Informer<PodObject>({
      client,
      resource: PODS,
      fieldSelector: `spec.nodeName=${config.nodeName}`,
      clock,
      log,
      onChange: (change) => {
        if (isBegun) pods.changed(change);
      },
    }),
  );
  const daemonSets = tree.add(
    'own DaemonSet',
    new Informer<DaemonSetObject>({
      client,
      resource: DAEMON_SETS,
      namespace: config.podNamespace,
      fieldSelector: `metadata.name=${DAEMONSET_NAME}`,
      clock,
      log,
      onChange: ({ kind, object }) => {
        fate = fateOf(kind, object);
        if (isBegun) departure.follow(fate);
      },
    }),
  );

  // New pods ask here, and wait here while the agent is still finding out.
  const admission = new Admission({
    pods,
    known: (name, namespace) => podObjects.get(name, namespace),
    ask: (name, namespace) => client.get<PodObject>(PODS, name, namespace, { timeout: POD_REQUEST_MS, attempts: 1 }),
    decide,
    knowsNamespace: (name) => isLeaving() || namespaces.get(name) !== undefined,
    begun: begun.promise,
    clock,
  });
  tree.add(
    'plugin',
    await PluginServer.listen({
      path: join(config.runDirectory, 'pluginevent.sock'),
      onAdd: async (request) => {
        const since = clock.now();
        const pod = `${request.namespace}/${request.name}`;
        try {
          const answer = await admission.add(request);
          metrics.count(PLUGIN_REQUESTS, answer.enrolled ? 'enrolled' : 'passed');
          log.info({ pod, ...answer, milliseconds: Math.round(clock.now() - since) }, 'new pod');
          return answer;
        } catch (error) {
          metrics.count(PLUGIN_REQUESTS, 'refused');
          log.warn({ pod, error: messageOf(error) }, 'a new pod waits');
          throw error;
        }
      },
    }),
  );

  // The plugin on the node: last, so that it never asks an agent that cannot answer.
  const installer = new Installer({
    source: config.pluginBinary,
    binDirectory: config.binDirectory,
    configDirectory: config.configDirectory,
    folder: new ConfigFolder(config.configDirectory),
    entry: {
      type: PLUGIN_TYPE,
      cni_agent_run_dir: config.runDirectory,
      exclude_namespaces: config.excludeNamespaces,
      pod_namespace: config.podNamespace,
    },
    runtimeRemembers: () => runsOnNode(config.hostProc, 'crio'),
    clock,
    log,
    metrics,
  });
  tree.add('installer', installer);
  const self = { name: config.podName, namespace: config.podNamespace };
  const departure = new Departure({ pods, probes, installer, view, client, self, clock, log });

  // What was promised is proven, as long as the agent runs.
  const proof = tree.add(
    'proof',
    new Proof({
      pods,
      probes,
      proxies: () => proxies,
      isGone: ({ uid, name, namespace }) =>
        podObjects.state === 'live' && podObjects.get(name, namespace)?.metadata.uid !== uid,
      onUnproven: (pod, why) => {
        log.warn({ pod: pod.key, error: why }, 'a pod is not shown to be in the mesh');
        events.record(pod.object, 'Warning', 'MeshEnrolmentUnproven', why);
      },
      isLeaving,
      interval: config.proofInterval,
      clock,
      log,
      metrics,
    }),
  );

  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal, fate: fate.kind }, 'stopping; pods of the mesh stay in it');
    // With the agents gone for good nobody would ever let a new pod start.
    try {
      if (fate.kind === 'gone') installer.withdraw();
    } catch (error) {
      log.error({ error: messageOf(error) }, 'cannot take the plugin out of the network configuration');
    }
    tree.close({ deadline: STOP_DEADLINE_MS }).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error: messageOf(error) }, 'could not stop in order');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  for (const informer of [namespaces, podObjects, daemonSets]) informer.start();
  readiness.await('the API server to list namespaces');
  await namespaces.synced;
  readiness.await('the API server to list the pods of the node');
  await podObjects.synced;
  readiness.await('the pods that run already');
  // Without the right to see it the agent works all the same, and leaves the plugin where it is.
  await Promise.race([daemonSets.synced, new Promise((resolve) => setTimeout(resolve, 2_000))]);
  view.write();
  await pods.begin(podObjects.values());
  isBegun = true;
  // What changed meanwhile.
  for (const object of podObjects.values()) pods.changed({ kind: 'modified', object });
  zds.admit();
  probes.retain(pods.uids());
  begun.resolve(undefined);
  departure.follow(fate);
  readiness.follow(() => installer.problem);
  proof.start();
  log.info({ node: config.nodeName, pods: pods.uids().size, kubeletUid: kubelet }, 'serving');
}

try {
  await run(readConfig(process.env));
} catch (error) {
  const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
  process.stderr.write(`istio-cni: ${code}: ${messageOf(error)}\n`);
  process.exit(code === 'AMBIT_CONFIG' ? 2 : 1);
}
