// Runs once, before the mesh is uninstalled: has every agent take its node's pods out of the mesh, and waits for them.
import { type Clock, systemClock } from '@ambit/core/clock';
import { duration, readEnvironment, text } from '@ambit/core/environment';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { apiServerOfKubeconfig, inClusterApiServer } from '@ambit/kube/api-server';
import { KubeClient, KubeError } from '@ambit/kube/client';
import { DAEMON_SETS, NODES, PODS } from '@ambit/kube/resource';
import { UNENROL_POLL_MS } from './limits.ts';
import {
  AGENT_SELECTOR,
  DAEMONSET_NAME,
  DRAIN_ANNOTATION,
  UNINSTALL_ANNOTATION,
  UNINSTALL_REVISION_ANNOTATION,
} from './leave/mark.ts';
import { enrolledPods, type ListedNode, type ListedPod, type Remains, remainsOf } from './leave/remains.ts';

const VARIABLES = {
  namespace: text('POD_NAMESPACE', 'istio-system', 'namespace of the mesh'),
  mark: text('POD_UID', '', 'names this attempt'),
  revision: text('RELEASE_REVISION', '', 'of the release that is uninstalled; a later one is meant to stay'),
  drain: duration('UNENROL_DRAIN', 60_000, 'for which open connections may go on'),
  timeout: duration('UNENROL_TIMEOUT', 240_000, 'after which it gives up'),
  kubeconfig: text('KUBECONFIG', '', 'file that names the API server; empty: that of the cluster'),
} as const;

const MANY = 20;

/** Marks the DaemonSet and waits until nothing of the mesh is left. Throws `AMBIT_CNI_UNENROL`. */
async function run(client: KubeClient, clock: Clock): Promise<void> {
  const { namespace, mark, revision, drain, timeout } = options;
  const listPods = async (): Promise<readonly ListedPod[]> => (await client.list<ListedPod>(PODS)).items;
  const annotations = {
    [UNINSTALL_ANNOTATION]: mark,
    [UNINSTALL_REVISION_ANNOTATION]: revision,
    [DRAIN_ANNOTATION]: `${Math.ceil(drain / 1_000)}s`,
  };
  try {
    await client.mergePatch(DAEMON_SETS, DAEMONSET_NAME, namespace, { metadata: { annotations } });
  } catch (error) {
    if (!(error instanceof KubeError && error.status === 404)) throw error;
    const left = enrolledPods(await listPods());
    if (left.length === 0) {
      say('there are no agents, and no pod is in the mesh: nothing is to be done');
      return;
    }
    throw failure(
      `there is no DaemonSet ${namespace}/${DAEMONSET_NAME} whose agents could take these pods out of the mesh: ${some(left)}; install the chart again, or restart the pods afterwards`,
    );
  }
  say(`the agents are told to take all pods out of the mesh; open connections have ${drain / 1_000} s`);
  const deadline = clock.now() + timeout;
  let said = '';
  for (;;) {
    const [{ items: nodes }, { items: agents }, pods] = await Promise.all([
      client.list<ListedNode>(NODES),
      client.list<ListedPod>(PODS, { namespace, labelSelector: AGENT_SELECTOR }),
      listPods(),
    ]);
    const remains = remainsOf({ nodes, agents, pods }, mark);
    if (remains.nodes.length === 0 && remains.pods.length === 0) {
      finish(remains);
      return;
    }
    const line = `left: ${remains.pods.length} pods; nodes: ${some(remains.nodes)}`;
    if (line !== said) say(line);
    said = line;
    if (clock.now() > deadline) throw failure(overdue(remains));
    await new Promise<void>((resolve) => clock.setTimeout(resolve, UNENROL_POLL_MS));
  }
}

function finish({ unreachable }: Remains): void {
  if (unreachable.length > 0)
    say(
      `these nodes are not ready, and their pods keep the rules until they or the node are restarted: ${some(unreachable)}`,
    );
  say('no pod is in the mesh any more');
}

function overdue({ nodes, pods }: Remains): string {
  return `after ${options.timeout / 1_000} s the mesh has not left: nodes ${some(nodes)}; pods ${some(pods)}; look at the logs of the ${DAEMONSET_NAME} pods of these nodes. Nothing is uninstalled; to stay in the mesh: kubectl annotate daemonset ${DAEMONSET_NAME} -n ${options.namespace} ${UNINSTALL_ANNOTATION}- ${DRAIN_ANNOTATION}-`;
}

function some(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length > MANY ? ` and ${names.length - MANY} more` : '';
  return names.slice(0, MANY).join(', ') + more;
}

function failure(message: string): AmbitError {
  return new AmbitError('AMBIT_CNI_UNENROL', message, { source: 'system', retryable: true });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const options = readEnvironment(VARIABLES, process.env);
try {
  if (options.mark === '') throw new AmbitError('AMBIT_CONFIG', 'POD_UID (fieldRef metadata.uid) must be set');
  const server =
    options.kubeconfig === '' ? inClusterApiServer(process.env) : apiServerOfKubeconfig(options.kubeconfig);
  const client = new KubeClient(server, { clock: systemClock, userAgent: 'ambit-unenrol/0.1.0' });
  await run(client, systemClock);
  client.destroy();
} catch (error) {
  const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
  process.stderr.write(`unenrol: ${code}: ${messageOf(error)}\n`);
  process.exit(1);
}
