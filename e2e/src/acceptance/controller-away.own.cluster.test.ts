import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { converged } from '../mesh/convergence.ts';
import { NodeBench } from '../mesh/node-bench.ts';
import { controllers, ztunnelPod } from '../mesh/parts.ts';
import { TwoWayLoad } from '../mesh/two-way-load.ts';
import { eventually, ownTestCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-controller-away';
/** How long the controller is away. */
const OUTAGE_MS = Number(process.env['AMBIT_OUTAGE_SECONDS'] ?? '20') * 1_000;
/** From the loss of a proxy's pod until the next one serves; Kubernetes takes most of it. */
const REPLACED_MS = 8_000;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('while the controller is away', { timeout: OUTAGE_MS + 240_000 }, () => {
  let cluster: OwnCluster;
  let bench: NodeBench;
  let load: TwoWayLoad;

  beforeAll(async () => {
    cluster = ownTestCluster();
    bench = new NodeBench(cluster);
    await needMesh(cluster);
    load = await TwoWayLoad.deployed(bench, NAMESPACE);
  });

  afterAll(async () => {
    await controllers(bench, 2);
    await bench.remove('namespace', NAMESPACE);
  });

  it('no connection is lost; what follows is as before', async () => {
    const report = await load.during(OUTAGE_MS + 10_000, async () => {
      await controllers(bench, 0);
      await pause(OUTAGE_MS);
      await controllers(bench, 2);
    });
    console.log(report.described);
    expect(report.failed, report.described).toBe(0);
    await converged(bench, NAMESPACE, 'client-a');
  });

  it('a node whose ztunnel pod is lost is served by the next one from the snapshot', async () => {
    const lost = await ztunnelPod(bench, 'a');
    const times = { lost: 0, back: 0 };
    const report = await load.during(25_000, async () => {
      await controllers(bench, 0);
      times.lost = Date.now();
      await cluster.kubectl(['-n', MESH_NAMESPACE, 'delete', 'pod', lost.name, '--force', '--grace-period=0']);
      await eventually(async () => {
        const next = await ztunnelPod(bench, 'a');
        expect(next.ready && next.name !== lost.name).toBe(true);
      });
      times.back = Date.now();
    });
    console.log(`the next one was ready after ${times.back - times.lost} ms; ${report.described}`);
    expect(times.back - times.lost).toBeLessThan(REPLACED_MS);
    // Between the two pods nobody listens.
    expect(report.failedSince(times.back), report.described).toBe(0);
    await controllers(bench, 2);
    await converged(bench, NAMESPACE, 'client-a');
  });
});
