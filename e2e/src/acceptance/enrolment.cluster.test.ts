import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { describeCuts, describeFailures, failures } from '@ambit/local/check/load-report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { eventually, testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-enrolment';
const HELD = 100;
const RATE = 100;

describe('a namespace that is labelled and unlabelled while its pods run', () => {
  let bench: Bench;
  let nodes: string[];

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    nodes = await bench.nodes();
    const [near = '', far = ''] = nodes;
    const place = { namespace: NAMESPACE };
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
      checkProgramsObject(NAMESPACE),
      ...workloadObjects({ ...place, name: 'client', node: near, command: IDLE }),
      ...workloadObjects(
        { ...place, name: 'server', node: far, command: checkCommand('server'), readyPort: SERVER_PORTS.echo },
        SERVER_PORTS,
      ),
    ]);
    await bench.rolledOut(NAMESPACE, 'client', 'server');
    await bench.reachable(NAMESPACE, 'client', `server.${NAMESPACE}`);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
  });

  const enrolled = (): Promise<string> =>
    bench.read(
      ['pods', '-n', NAMESPACE],
      '{range .items[*]}{.metadata.annotations.ambient\\.istio\\.io/redirection};{end}',
    );

  const restarts = (): Promise<string> =>
    bench.read(
      ['pods', '-n', NAMESPACE],
      '{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount};{end}',
    );

  async function relabel(label: string, until: string): Promise<void> {
    const before = await restarts();
    const options = { host: `server.${NAMESPACE}`, rate: RATE, held: HELD, messageEvery: 50, duration: 12_000 };
    const load = await bench.load(NAMESPACE, 'client', options);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const since = Date.now();
    await bench.cluster.kubectl(['label', 'namespace', NAMESPACE, label]);
    await eventually(async () => {
      expect(await enrolled()).toBe(until);
    }, 8_000);
    const report = await load.report;
    expect(report.cuts, describeCuts(report)).toEqual([]);
    expect(failures(report), describeFailures(report, since)).toEqual([]);
    expect(report.attempts.length).toBeGreaterThan(RATE * 10);
    expect(await restarts()).toBe(before);
  }

  it('joins without a restart: of 100 open connections none is cut, and no new one fails', async () => {
    await relabel('istio.io/dataplane-mode=ambient', 'enabled;enabled;');
  });

  it('leaves likewise', async () => {
    // The annotation goes when the last connection through the proxy has ended.
    await relabel('istio.io/dataplane-mode-', ';;');
  });
});
