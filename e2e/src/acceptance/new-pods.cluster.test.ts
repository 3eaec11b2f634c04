import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { needMesh } from '../mesh/chart.ts';
import { workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import type { FirstRequest } from '../programs/first-request.ts';
import { eventually, testCluster } from '../test-cluster.ts';

const PODS = 30;
/** How much longer than without the mesh the first answer may take, milliseconds at the median. */
const ALLOWANCE = 100;

describe('30 pods that start at once and dial at their first instruction', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
  });

  afterAll(async () => {
    await bench.remove('namespace', 'check-first-meshed', 'check-first-plain');
  });

  async function firstRequests(namespace: string, labels: Record<string, string>): Promise<FirstRequest[]> {
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
      checkProgramsObject(namespace),
      ...workloadObjects(
        { namespace, name: 'server', replicas: 2, command: checkCommand('server'), readyPort: SERVER_PORTS.echo },
        SERVER_PORTS,
      ),
    ]);
    await bench.rolledOut(namespace, 'server');
    const host = await bench.read(['service', 'server', '-n', namespace], '{.spec.clusterIP}');
    const command = checkCommand('first-request', host, String(SERVER_PORTS.greeting));
    await bench.apply(workloadObjects({ namespace, name: 'newcomer', replicas: PODS, command }));
    return await eventually(async () => {
      const logs = ['logs', '-n', namespace, '-l', 'app=newcomer', '--tail=1', `--max-log-requests=${PODS}`];
      const lines = (await bench.cluster.kubectl(logs)).trim().split('\n');
      const said = lines.map((line) => JSON.parse(line) as FirstRequest);
      expect(said.length).toBe(PODS);
      return said;
    }, 90_000);
  }

  it('are answered at the first attempt, and at most 100 ms later than without the mesh at the median', async () => {
    const plain = await firstRequests('check-first-plain', {});
    await bench.remove('-n', 'check-first-plain', 'deployment', 'newcomer');
    const meshed = await firstRequests('check-first-meshed', { 'istio.io/dataplane-mode': 'ambient' });
    const [without, within] = [waits(plain), waits(meshed)];
    const described = `without the mesh ${summary(without)}; with it ${summary(within)}`;
    console.log(described);
    expect(meshed.flatMap(({ failures }) => failures)).toEqual([]);
    expect(at(within, 0.5) - at(without, 0.5), described).toBeLessThanOrEqual(ALLOWANCE);
  });
});

function waits(requests: readonly FirstRequest[]): number[] {
  return requests
    .map(({ startedAt, answeredAt = Number.POSITIVE_INFINITY }) => answeredAt - startedAt)
    .sort((a, b) => a - b);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.POSITIVE_INFINITY;
}

function summary(sorted: readonly number[]): string {
  return `p50 ${at(sorted, 0.5)}, p90 ${at(sorted, 0.9)}, max ${at(sorted, 1)} ms`;
}
