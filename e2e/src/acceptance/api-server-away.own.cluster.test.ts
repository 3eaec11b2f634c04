import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { installMesh } from '../mesh/chart.ts';
import { converged } from '../mesh/convergence.ts';
import { NodeBench } from '../mesh/node-bench.ts';
import { certificateExpiry, ztunnelPod } from '../mesh/parts.ts';
import { TwoWayLoad } from '../mesh/two-way-load.ts';
import { eventually, ownTestCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-api-away';
/** Longer than the 40 s after which Kubernetes takes its nodes for lost. */
const OUTAGE_MS = Number(process.env['AMBIT_OUTAGE_SECONDS'] ?? '45') * 1_000;
/** How long the load goes on when the API server is back: Kubernetes notices its nodes again within some 20 s. */
const AFTERWARDS_MS = 30_000;
/** Lifetime of certificates: so short that all have to be renewed meanwhile. */
const LIFETIME = '30s';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('an outage of the API server', { timeout: OUTAGE_MS + 240_000 }, () => {
  let cluster: OwnCluster;
  let bench: NodeBench;
  let load: TwoWayLoad;

  beforeAll(async () => {
    cluster = ownTestCluster();
    bench = new NodeBench(cluster);
    const lifetimes = ['maxCertTtl', 'defaultCertTtl'].flatMap((name) => ['--set', `istiod.${name}=${LIFETIME}`]);
    await installMesh(cluster, ...lifetimes);
    load = await TwoWayLoad.deployed(bench, NAMESPACE);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
    await installMesh(cluster);
  });

  it('costs no connection, not when it ends either, certificates are renewed, and what follows is as before', async () => {
    const ztunnel = await ztunnelPod(bench, 'a');
    const expiry = (): Promise<number> => certificateExpiry(cluster, ztunnel, `ns/${NAMESPACE}/sa/server-a`);
    const ends: number[] = [];
    const report = await load.during(OUTAGE_MS + AFTERWARDS_MS, async () => {
      await cluster.without('kube-apiserver', async () => {
        ends.push(await expiry());
        await pause(OUTAGE_MS);
        ends.push(await expiry());
      });
      await eventually(() => cluster.kubectl(['get', '--raw', '/readyz']), 60_000);
      await converged(bench, NAMESPACE, 'client-a');
    });
    console.log(report.described);
    const [first = Number.NaN, last = Number.NaN] = ends;
    expect(last - first).toBeGreaterThan(OUTAGE_MS / 1_000 - Number.parseInt(LIFETIME, 10));
    expect(report.attempts).toBeGreaterThan(OUTAGE_MS / 4);
    expect(report.failed, report.described).toBe(0);
  });
});
