import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { TwoWayLoad } from '../mesh/two-way-load.ts';
import { testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-restarts';

describe('500 new connections a second', () => {
  let bench: Bench;
  let load: TwoWayLoad;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    load = await TwoWayLoad.deployed(bench, NAMESPACE);
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

  /**
   * Connections that a program's kernel had taken and the program had not are reset when it closes its listener; what was
   * sent on them may have been read, so nobody may send it again. The node proxy names each of them.
   */
  async function resetByApplication(since: string): Promise<number> {
    const words = ['logs', '-l', 'app=ztunnel', '--tail=-1', `--since-time=${since}`];
    const log = await bench.cluster.kubectl(['-n', MESH_NAMESPACE, ...words]);
    const lines = log.split('\n').filter((line) => line.includes('direction="inbound"'));
    return lines.filter((line) => line.includes('reason="AMBIT_APPLICATION_RESET"')).length;
  }

  it('go on while the application is rolled, but for what the application itself ends unanswered', async () => {
    const since = new Date().toISOString();
    const report = await load.during(30_000, () =>
      restarted(NAMESPACE, ...load.servers.map((name) => `deployment/${name}`)),
    );
    const reset = report.failed === 0 ? 0 : await resetByApplication(since);
    const { farewells } = report;
    console.log(`the application: ${report.described}; ${reset} reset by it, ${farewells} ended by it in order`);
    // An HTTP server closes the connections of which it has read nothing yet.
    expect(report.failed - reset - farewells, report.described).toBeLessThanOrEqual(0);
    expect(report.failed, report.described).toBeLessThan(report.attempts / 500);
  });
});
