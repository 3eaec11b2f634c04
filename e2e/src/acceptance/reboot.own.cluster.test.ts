import { type Attempt, SERVER_PORTS } from '@ambit/local/check/clients/options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { Bench } from '../mesh/bench.ts';
import { installMesh, MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import type { FirstRequest } from '../programs/first-request.ts';
import { eventually, ownTestCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-reboot';
const PODS = 8;
/** The node that stays, and the one that is rebooted. */
const NEAR = 'a';
const FAR = 'b';
/** For how long pods are watched that may not start. */
const HELD_MS = 15_000;

const strict = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { name: 'strict', namespace: NAMESPACE },
  spec: { mtls: { mode: 'STRICT' } },
};

/** Keeps the agent away from the node, whose entry in the network configuration stays. */
const AWAY = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: [FAR] }] }],
    },
  },
};

/**
 * A pod outside of the mesh speaks in clear: a server that demands mutual TLS refuses it. So the first word of every pod of
 * the node goes to such a server on another node, and somebody in clear dials such a server on this node all the while.
 */
describe('a node that is rebooted', () => {
  let cluster: OwnCluster;
  let bench: Bench;

  beforeAll(async () => {
    cluster = ownTestCluster();
    bench = new Bench(cluster);
    await needMesh(cluster);
    const place = { namespace: NAMESPACE };
    const server = { ...place, command: checkCommand('server'), readyPort: SERVER_PORTS.echo };
    await bench.apply([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: NAMESPACE, labels: { 'istio.io/dataplane-mode': 'ambient' } },
      },
      strict,
      checkProgramsObject(NAMESPACE),
      ...workloadObjects({ ...server, name: 'near', node: NEAR }, SERVER_PORTS),
      ...workloadObjects({ ...server, name: 'far', node: FAR }, SERVER_PORTS),
      ...workloadObjects({
        ...place,
        name: 'outsider',
        node: NEAR,
        command: IDLE,
        labels: { 'istio.io/dataplane-mode': 'none' },
      }),
    ]);
    await bench.rolledOut(NAMESPACE, 'near', 'far', 'outsider');
    // Its own address: no kube-proxy, which is as new as the pods, stands between them.
    const host = await bench.read(['pods', '-n', NAMESPACE, '-l', 'app=near'], '{.items[0].status.podIP}');
    const command = checkCommand('first-request', host, String(SERVER_PORTS.greeting));
    await bench.apply(workloadObjects({ ...place, name: 'pod', node: FAR, replicas: PODS, command }));
    await firstRequests(0);
  });

  afterAll(async () => {
    await keepAgentAway(false);
    await bench.remove('namespace', NAMESPACE);
    await installMesh(cluster);
  });

  /** What became of the pods' first words, by pod, all of them said after a moment, milliseconds since the epoch. */
  async function firstRequests(since: number): Promise<Map<string, FirstRequest>> {
    return await eventually(async () => {
      const logs = ['logs', '-n', NAMESPACE, '-l', 'app=pod', '--tail=1', `--max-log-requests=${PODS}`, '--prefix'];
      const lines = [...(await cluster.kubectl(logs)).matchAll(/^\[pod\/([^/]+)\/main\] (.*)$/gm)];
      const said = lines
        .map(([, pod = '', text = '']) => [pod, JSON.parse(text) as FirstRequest] as const)
        .filter(([, { startedAt }]) => startedAt > since);
      expect(said.length).toBe(PODS);
      return new Map(said);
    }, 90_000);
  }

  /** Pods that were refused, and how often. */
  function refused(said: ReadonlyMap<string, FirstRequest>): [string, number][] {
    return [...said]
      .map(([pod, { failures }]) => [pod, failures.length] as [string, number])
      .filter(([, times]) => times > 0);
  }

  /** Events of pods of the checks whose message matches: their pods. */
  async function told(message: RegExp): Promise<Set<string>> {
    const path = '{range .items[*]}{.involvedObject.name} {.regarding.name} {.message}{.note}{"\\n"}{end}';
    const lines = (await bench.read(['events', '-n', NAMESPACE], path)).split('\n');
    return new Set(lines.filter((line) => message.test(line)).map((line) => line.trim().split(' ')[0] ?? ''));
  }

  /** Milliseconds since the epoch at which the node was gone. */
  async function reboot(how: { readonly anew?: boolean } = {}): Promise<number> {
    const node = cluster.node(FAR);
    await node.destroy();
    const at = Date.now();
    await node.start(how);
    return at;
  }

  async function keepAgentAway(away: boolean): Promise<void> {
    const patch = JSON.stringify({ spec: { template: { spec: { affinity: away ? AWAY : null } } } });
    await cluster.kubectl(['-n', MESH_NAMESPACE, 'patch', 'daemonset', 'istio-cni-node', '-p', patch]);
  }

  it('runs no pod of the mesh outside of it', async () => {
    const rate = 50;
    const clear = await bench.load(NAMESPACE, 'outsider', { host: `far.${NAMESPACE}`, rate, duration: 45_000 });
    const since = await reboot();
    const said = await firstRequests(since);
    const last = Math.max(...Array.from(said.values(), ({ answeredAt = 0 }) => answeredAt));
    console.log(`the last pod was answered after ${last - since} ms`);
    expect(refused(said)).toEqual([]);
    await bench.rolledOut(NAMESPACE, 'far');
    const { attempts } = await clear.report;
    const answered = attempts.filter(({ failure }: Attempt) => failure === undefined);
    expect(attempts.length).toBeGreaterThan(20 * rate);
    expect(answered.map(({ startedAt }) => startedAt - since)).toEqual([]);
  });

  it('holds its pods of the mesh while it has no agent, and says with each why', async () => {
    await keepAgentAway(true);
    await eventually(async () => {
      const agents = [
        'pods',
        '-n',
        MESH_NAMESPACE,
        '-l',
        'k8s-app=istio-cni-node',
        '--field-selector',
        `spec.nodeName=${FAR}`,
      ];
      expect(await bench.read(agents, '{.items[*].metadata.name}')).toBe('');
    });
    const since = await reboot();
    await eventually(async () => {
      const why =
        /^pod-.*ambit-cni: pod .* waits: .*but the node agent does not answer on .*; is the istio-cni-node pod of this node running\?/;
      expect((await told(why)).size).toBe(PODS);
    }, 60_000);
    await new Promise((resolve) => setTimeout(resolve, HELD_MS));
    const started = '{range .items[*]}{.status.containerStatuses[0].state.running.startedAt};{end}';
    const running = (await bench.read(['pods', '-n', NAMESPACE, '-l', 'app in (pod,far)'], started)).split(';');
    expect(running.filter((at) => at !== '' && Date.parse(at) > since)).toEqual([]);
    await keepAgentAway(false);
    expect(refused(await firstRequests(since))).toEqual([]);
  });

  it('names its pods of the mesh that ran outside of it, where the network configuration does not outlive the restart', async () => {
    const since = await reboot({ anew: true });
    const outside = refused(await firstRequests(since)).map(([pod]) => pod);
    console.log(`outside for a while: ${outside.length} of ${PODS} pods`);
    await eventually(async () => {
      expect([...(await told(/has run outside of the mesh/))]).toEqual(expect.arrayContaining(outside));
    });
    await bench.rolledOut(NAMESPACE, 'far');
    await bench.reachable(NAMESPACE, 'pod', `far.${NAMESPACE}`);
  });
});
