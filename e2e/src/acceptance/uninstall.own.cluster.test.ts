import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { describeCuts, describeFailures, failures } from '@ambit/local/check/load-report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { Bench } from '../mesh/bench.ts';
import { installMesh, MESH_NAMESPACE, needMesh, uninstallMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { gatewayObject, serviceObject } from '../mesh/waypoint-objects.ts';
import { eventually, ownTestCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-uninstall';
const RATE = 100;
const HELD = 50;
/** How long the whole mesh may take to be ready, milliseconds. */
const READY_WITHIN = 20_000;

/** What a node has of the mesh: tables, the CNI entry, the plugin, sockets, keys, routing. Empty when there is nothing. */
const LEFT_ON_NODE = `
nft list tables | grep -iE 'istio|ambit'
grep -lE 'ambit|istio' /etc/cni/net.d/* 2>/dev/null
ls -d /opt/cni/bin/ambit-cni /etc/cni/net.d/*.ambit-saved 2>/dev/null
find /run/istio-cni /run/ztunnel ! -type d 2>/dev/null
find /run/ambit-ztunnel -name 'certificates*' 2>/dev/null
ip rule show | grep -iE '0x539|lookup 100'
true`;

/** The same inside its pods. */
const LEFT_IN_PODS = `
for namespace in /var/run/netns/*; do
  nsenter --net="$namespace" nft list tables | grep -iE 'istio|ambit'
  nsenter --net="$namespace" ip rule show | grep -E 'lookup 100'
done
true`;

describe('the mesh, taken away while pods of it run', () => {
  let cluster: OwnCluster;
  let bench: Bench;

  beforeAll(async () => {
    cluster = ownTestCluster();
    bench = new Bench(cluster);
    await needMesh(cluster);
    const [near = '', far = ''] = cluster.nodes.map(({ name }) => name);
    const labels = { 'istio.io/dataplane-mode': 'ambient' };
    const server = { namespace: NAMESPACE, name: 'server', node: far, command: checkCommand('server') };
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
      checkProgramsObject(NAMESPACE),
      gatewayObject(NAMESPACE, 'waypoint', 1),
      serviceObject(NAMESPACE, 'elsewhere', { app: 'server' }, SERVER_PORTS),
      ...workloadObjects({ namespace: NAMESPACE, name: 'client', node: near, command: IDLE }),
      ...workloadObjects({ ...server, readyPort: SERVER_PORTS.echo }, SERVER_PORTS),
    ]);
    await bench.rolledOut(NAMESPACE, 'client', 'server');
    await bench.reachable(NAMESPACE, 'client', `server.${NAMESPACE}`);
    await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s']);
  });

  // Other files of the tier find the mesh as they are used to.
  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
    await needMesh(cluster);
  });

  const pods = (): Promise<string> =>
    bench.read(
      ['pods', '-n', NAMESPACE, '-l', 'app in (client, server)'],
      '{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount};{end}',
    );

  /** Objects of any kind and namespace, as `kind/name`. */
  const listed = async (...words: readonly string[]): Promise<string[]> =>
    (await cluster.kubectl(['get', ...words, '-o', 'name'])).split('\n').filter((line) => line !== '');

  /** What the nodes have of the mesh, each in itself and in its pods. */
  const left = async (): Promise<string[]> =>
    await Promise.all(
      cluster.nodes.flatMap(({ name }) =>
        [LEFT_ON_NODE, LEFT_IN_PODS].map(async (script) => {
          const { code, stdout, stderr } = await cluster.inNode(name, ['sh', '-c', script]);
          expect(code, `${name}: ${stderr}`).toBe(0);
          return stdout;
        }),
      ),
    );

  it('leaves them running, cuts no open connection and loses no new one', async () => {
    const before = await pods();
    // So that to find nothing afterwards says something.
    expect(await left()).not.toContain('');
    const duration = 40_000;
    const options = { host: `server.${NAMESPACE}`, rate: RATE, held: HELD, messageEvery: 50, duration };
    const load = await bench.load(NAMESPACE, 'client', options);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const since = Date.now();
    const said = await uninstallMesh(cluster);
    console.log(`after ${Date.now() - since} ms:\n${said}`);
    const report = await load.report;
    expect(failures(report), describeFailures(report, since)).toEqual([]);
    expect(report.cuts, describeCuts(report)).toEqual([]);
    expect(report.attempts.length).toBeGreaterThan((RATE * duration) / 1_500);
    expect(await pods()).toBe(before);
    for (const name of ['istio-ca-secret', 'gateways.gateway.networking.k8s.io', '1 Gateway']) {
      expect(said).toContain(name);
    }
  });

  it('leaves nothing on the nodes', async () => {
    expect((await left()).join('')).toBe('');
  });

  it('leaves in the API what is not its own, and nothing else', async () => {
    expect(await listed('secret', 'istio-ca-secret', '-n', MESH_NAMESPACE)).toHaveLength(1);
    expect(await listed('gateway', 'waypoint', '-n', NAMESPACE)).toHaveLength(1);
    expect(
      (await listed('customresourcedefinitions')).filter((name) => /istio|gateway/.test(name)).length,
    ).toBeGreaterThan(15);
    const kinds = 'deployments,daemonsets,services,configmaps,serviceaccounts,poddisruptionbudgets,jobs,pods';
    await eventually(async () => {
      const named = (await listed(kinds, '-n', MESH_NAMESPACE)).filter(
        (name) => !/(kube-root-ca.crt|\/default)$/.test(name),
      );
      expect(named).toEqual([]);
    }, 60_000);
    expect(await listed('configmaps', '-A', '--field-selector=metadata.name=istio-ca-root-cert')).toEqual([]);
    expect((await listed('gatewayclasses')).filter((name) => /istio|ambit/.test(name))).toEqual([]);
    expect(
      (await listed('clusterroles,clusterrolebindings')).filter((name) => /istio|ambit|ztunnel/.test(name)),
    ).toEqual([]);
    expect(await listed('leases', '-n', MESH_NAMESPACE)).toEqual([]);
    const made = await listed('deployments,services,serviceaccounts,poddisruptionbudgets', '-n', NAMESPACE);
    expect(made.filter((name) => name.endsWith('/waypoint'))).toEqual([]);
  });

  it('comes back with one command within 20 s, and the pods are in it again', async () => {
    const took = await installMesh(cluster);
    console.log(`ready after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(READY_WITHIN);
    await eventually(async () => {
      const path = '{.items[*].metadata.annotations.ambient\\.istio\\.io/redirection}';
      expect(await bench.read(['pods', '-n', NAMESPACE, '-l', 'app in (client, server)'], path)).toBe(
        'enabled enabled',
      );
    });
    expect(
      (
        await bench.dial(NAMESPACE, 'client', {
          host: `server.${NAMESPACE}`,
          port: SERVER_PORTS.greeting,
          endAfterAnswer: true,
          timeout: 3_000,
        })
      ).received,
    ).toMatch(/^hello/);
  });
});
