import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { Bench } from '../mesh/bench.ts';
import { needMesh } from '../mesh/chart.ts';
import { controllers } from '../mesh/parts.ts';
import { TwoWayLoad } from '../mesh/two-way-load.ts';
import { ownTestCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-killed';

describe('the proxy process of a node', () => {
  let cluster: OwnCluster;
  let bench: Bench;
  let load: TwoWayLoad;

  beforeAll(async () => {
    cluster = ownTestCluster();
    bench = new Bench(cluster);
    await needMesh(cluster);
    load = await TwoWayLoad.deployed(bench, NAMESPACE);
  });

  afterAll(async () => {
    await controllers(bench, 2);
    await bench.remove('namespace', NAMESPACE);
  });

  async function kill(node: string): Promise<void> {
    const { code, stderr } = await cluster.inNode(node, ['pkill', '-KILL', '-f', 'ztunnel/bundle/proxy.js']);
    expect(code, stderr).toBe(0);
  }

  it('is killed twice within a minute, the second time with the controller away: no new connection fails', async () => {
    const report = await load.during(40_000, async (kills) => {
      kills.now();
      await kill('a');
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      await controllers(bench, 0);
      kills.now();
      await kill('a');
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      await controllers(bench, 2);
    });
    console.log(report.described);
    expect(report.attempts).toBeGreaterThan(15_000);
    expect(report.failed, report.described).toBe(0);
    expect(report.lost, report.described).toBeLessThan(40);
  });
});
