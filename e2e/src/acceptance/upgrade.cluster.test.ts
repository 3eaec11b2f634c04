import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { installMesh, MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { TwoWayLoad } from '../mesh/two-way-load.ts';
import { testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-upgrade';

describe('helm upgrade', () => {
  let bench: Bench;
  let load: TwoWayLoad;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    load = await TwoWayLoad.deployed(bench, NAMESPACE);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
    await installMesh(bench.cluster);
  });

  /** Uid, restarts and enrolment of every pod of the load. */
  const pods = (): Promise<string> =>
    bench.read(
      ['pods', '-n', NAMESPACE],
      '{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount} {.metadata.annotations.ambient\\.istio\\.io/redirection}{"\\n"}{end}',
    );

  it('with a changed value for every part loses nothing and takes nobody out of the mesh', async () => {
    const before = await pods();
    expect(
      before
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[2]),
    ).toEqual(Array.from({ length: 6 }, () => 'enabled'));
    const seen = new Set<string>();
    let over = false;
    const report = await load.during(75_000, async () => {
      const watching = (async () => {
        while (!over) {
          seen.add(await pods());
          await new Promise((resolve) => setTimeout(resolve, 1_000));
        }
      })();
      const parts = ['istiod', 'cni', 'ztunnel'];
      const took = await installMesh(bench.cluster, ...parts.flatMap((part) => ['--set', `${part}.logLevel=debug`]));
      console.log(`the upgrade took ${Math.round(took)} ms`);
      over = true;
      await watching;
    });
    console.log(report.described);
    const level = await bench.read(
      ['daemonset', 'ztunnel', '-n', MESH_NAMESPACE],
      '{.spec.template.spec.containers[0].env}',
    );
    expect(level).toContain('debug');
    expect([...seen]).toEqual([before]);
    expect(report.failed, report.described).toBe(0);
    expect(report.attempts).toBeGreaterThan(20_000);
  });
});
