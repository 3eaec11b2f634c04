import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { installMesh, isMeshInstalled, MESH_NAMESPACE } from '../mesh/chart.ts';
import { TwoWayLoad } from '../mesh/two-way-load.ts';
import { testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-restarts';

describe('500 new connections a second', () => {
  let bench: Bench;
  let load: TwoWayLoad;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    if (!(await isMeshInstalled(bench.cluster))) await installMesh(bench.cluster);
    const nodes = (await bench.read(['nodes'], '{.items[*].metadata.name}')).split(' ');
    load = new TwoWayLoad(bench, NAMESPACE, nodes);
    await load.deploy(2);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
  });

  async function restarted(namespace: string, ...workloads: readonly string[]): Promise<void> {
    await bench.cluster.kubectl(['-n', namespace, 'rollout', 'restart', ...workloads]);
    for (const workload of workloads) {
      await bench.cluster.kubectl(['-n', namespace, 'rollout', 'status', workload, '--timeout=110s']);
    }
  }

  it.each([
    ['the controller', 'deployment/istiod', 30_000],
    ['the node agents', 'daemonset/istio-cni-node', 45_000],
    ['the node proxies', 'daemonset/ztunnel', 60_000],
  ])('go on while %s are restarted', async (_, workload, duration) => {
    const report = await load.during(duration, () => restarted(MESH_NAMESPACE, workload));
    console.log(`${workload}: ${report.described}`);
    expect(report.failed, report.described).toBe(0);
  });

  it('go on while the application is rolled', async () => {
    const report = await load.during(30_000, () =>
      restarted(NAMESPACE, ...load.servers.map((name) => `deployment/${name}`)),
    );
    console.log(report.described);
    expect(report.failed, report.described).toBe(0);
  });
});
