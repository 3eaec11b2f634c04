import { demandAllAnswered, describe as described } from '@ambit/local/check/waypoint/answers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { condition } from '../mesh/conditions.ts';
import { backendObjects, gatewayObject, serviceObject } from '../mesh/waypoint-objects.ts';
import { writerObjects } from '../mesh/writer.ts';
import type { WriteLatencyOptions, WriteLatencyReport } from '../programs/write-latency.ts';
import { eventually, testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-routes';
const HOST = `changing.${NAMESPACE}`;
const ROUNDS = 100;
const LASTS = 120_000;

const marking = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute' as const,
  metadata: { name: 'marking', namespace: NAMESPACE },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'changing', port: 8080 }],
    rules: [
      {
        filters: [
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-route', value: 'on' }] } },
        ],
        backendRefs: [{ name: 'changing', port: 8080 }],
      },
    ],
  },
};

describe('a route that comes and goes', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    const labels = { 'istio.io/dataplane-mode': 'ambient', 'istio.io/use-waypoint': 'waypoint' };
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
      gatewayObject(NAMESPACE, 'waypoint'),
      checkProgramsObject(NAMESPACE),
      ...writerObjects(NAMESPACE, 'writer', 'gateway.networking.k8s.io', 'httproutes'),
      ...workloadObjects({ namespace: NAMESPACE, name: 'writer', command: IDLE }),
      ...workloadObjects({ namespace: NAMESPACE, name: 'client', command: IDLE }),
      ...backendObjects(NAMESPACE, 'v1', 2),
      serviceObject(NAMESPACE, 'changing', { tier: 'backend' }, { http: 8080 }),
    ]);
    await bench.rolledOut(NAMESPACE, 'client', 'writer', 'backend-v1');
    await eventually(async () => {
      expect(await condition(bench, 'Programmed', 'gateway', 'waypoint', NAMESPACE)).toMatchObject({ status: 'True' });
      expect(await condition(bench, 'istio.io/WaypointBound', 'service', 'changing', NAMESPACE)).toMatchObject({
        status: 'True',
      });
    }, 60_000);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
  });

  it('shows within a second, under load and without an error', async () => {
    const load = { host: HOST, port: 8080, loops: 8, pause: 10, duration: 60_000 };
    const write = async (rounds: number): Promise<WriteLatencyReport> => {
      const probe = { kind: 'answer-field', host: HOST, port: 8080, field: 'x-route' } as const;
      const parameters: WriteLatencyOptions = { object: marking, probe, rounds, between: 100 };
      return await bench.exec(NAMESPACE, 'writer', checkCommand('write-latency', JSON.stringify(parameters)), LASTS);
    };
    // From here on new connections pass by the waypoint.
    await write(1);
    const [{ created, deleted }, report] = await Promise.all([
      write(ROUNDS),
      bench.requests(NAMESPACE, 'client', load),
    ]);
    const times = [...created, ...deleted].sort((a, b) => a - b);
    const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
    console.log(`${times.length} changes: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${described(report)}`);
    demandAllAnswered(report);
    expect(at(0.99)).toBeLessThan(1_000);
  });
});
