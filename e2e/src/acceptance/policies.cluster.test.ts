import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { writerObjects } from '../mesh/writer.ts';
import type { WriteLatencyOptions, WriteLatencyReport } from '../programs/write-latency.ts';
import { testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-policies';
const HOST = `server.${NAMESPACE}`;

const denyClient = {
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy' as const,
  metadata: { name: 'deny-client', namespace: NAMESPACE },
  spec: {
    action: 'DENY',
    selector: { matchLabels: { app: 'server' } },
    rules: [{ from: [{ source: { principals: [`cluster.local/ns/${NAMESPACE}/sa/client`] } }] }],
  },
};

const strict = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { name: 'strict', namespace: NAMESPACE },
  spec: { mtls: { mode: 'STRICT' } },
};

describe('a policy', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    const [near = '', far = near] = await bench.nodes();
    const place = { namespace: NAMESPACE };
    const outside = { 'istio.io/dataplane-mode': 'none' };
    const server = {
      ...place,
      name: 'server',
      node: far,
      command: checkCommand('server'),
      readyPort: SERVER_PORTS.echo,
    };
    await bench.apply([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: NAMESPACE, labels: { 'istio.io/dataplane-mode': 'ambient' } },
      },
      checkProgramsObject(NAMESPACE),
      ...writerObjects(NAMESPACE, 'client', 'security.istio.io', 'authorizationpolicies'),
      ...workloadObjects({ ...place, name: 'client', node: near, command: IDLE }),
      ...workloadObjects({ ...place, name: 'outsider', node: near, command: IDLE, labels: outside }),
      ...workloadObjects(server, SERVER_PORTS),
    ]);
    await bench.rolledOut(NAMESPACE, 'client', 'outsider', 'server');
    await bench.reachable(NAMESPACE, 'client', HOST);
    await bench.reachable(NAMESPACE, 'outsider', HOST);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
  });

  // How fast it usually is depends on what else the machine does; the report says it.
  it('judges new connections within a second of the write', async () => {
    const parameters: WriteLatencyOptions = {
      object: denyClient,
      probe: { kind: 'refused', host: HOST, port: SERVER_PORTS.greeting },
      rounds: 9,
      between: 1_000,
    };
    const command = checkCommand('write-latency', JSON.stringify(parameters));
    const { created, deleted } = await bench.exec<WriteLatencyReport>(NAMESPACE, 'client', command, 60_000);
    console.log(`at the median ${median(created)} ms after it is created, ${median(deleted)} ms after it is deleted`);
    expect(Math.max(...created, ...deleted)).toBeLessThanOrEqual(1_000);
  });

  it.each([
    ['with a selector', 'client', denyClient],
    ['that demands mutual TLS', 'outsider', strict],
  ])('%s cuts within a second the open connections that it forbids', async (_, from, policy) => {
    const options = { host: HOST, rate: 0, held: 20, messageEvery: 20, duration: 8_000 };
    const load = await bench.load(NAMESPACE, from, options);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    try {
      await bench.apply([policy]);
      const written = Date.now();
      const { cuts } = await load.report;
      const late = cuts.filter(({ at }) => at > written + 1_000);
      // Whoever was cut opens anew, and is cut again.
      expect(cuts.filter(({ openedAt }) => openedAt < written).length).toBeGreaterThanOrEqual(20);
      expect(late.filter(({ openedAt }) => openedAt < written)).toEqual([]);
    } finally {
      await bench.remove('-n', NAMESPACE, policy.kind, policy.metadata.name);
    }
  });
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.POSITIVE_INFINITY;
}
