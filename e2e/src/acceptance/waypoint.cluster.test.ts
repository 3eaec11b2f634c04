import { SERVER_PORTS, type ServerEvent } from '@ambit/local/check/clients/options';
import type { RequestsReport } from '@ambit/local/check/clients/requests-options';
import { describeFailures, failures } from '@ambit/local/check/load-report';
import { demandAllAnswered, describe as described, shareOfV2 } from '@ambit/local/check/waypoint/answers';
import { L7_NAMESPACE as NAMESPACE } from '@ambit/local/check/waypoint/manifests';
import { USUAL_WEIGHTS, weightedRoute, weightedSubsets } from '@ambit/local/check/waypoint/routes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Bench } from '../mesh/bench.ts';
import { MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { condition } from '../mesh/conditions.ts';
import { logLines, waypointLabel } from '../mesh/proxy-log.ts';
import { backendObjects, gatewayObject, serviceObject } from '../mesh/waypoint-objects.ts';
import { eventually, testCluster } from '../test-cluster.ts';

/** Of a second waypoint, whose pods are held against the strictest level of pod security. */
const RESTRICTED = 'check-l7-restricted';
const REQUESTS = 5_000;
/** Percentage points that a share may be off. */
const TOLERANCE = 2;
/** New raw connections a second beside the requests. */
const RATE = 100;
const BOUND = 'istio.io/WaypointBound';
const backend = { tier: 'backend' };
const raw = Object.fromEntries(Object.entries(SERVER_PORTS).map(([name, port]) => [`tcp-${name}`, port]));

describe('a Service with a waypoint', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    const labels = { 'istio.io/dataplane-mode': 'ambient' };
    const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    // The other route of that manifest is for a Service that only the bed of one machine has.
    const [route = {}] = objectsOf(weightedRoute(USUAL_WEIGHTS));
    const server = { namespace: NAMESPACE, name: 'server', command: checkCommand('server') };
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: RESTRICTED, labels: restricted } },
      gatewayObject(NAMESPACE, 'waypoint'),
      gatewayObject(RESTRICTED, 'lone', 1),
      checkProgramsObject(NAMESPACE),
      ...workloadObjects({ namespace: NAMESPACE, name: 'client', command: IDLE }),
      ...workloadObjects({ ...server, readyPort: SERVER_PORTS.echo }),
      ...backendObjects(NAMESPACE, 'v1', 2),
      ...backendObjects(NAMESPACE, 'v2', 1),
      ...['by-route', 'by-subset', 'steady'].map((name) => serviceObject(NAMESPACE, name, backend, { http: 8080 })),
      ...['steady-raw', 'by-lone', 'by-nobody'].map((name) => serviceObject(NAMESPACE, name, { app: 'server' }, raw)),
      route,
      ...objectsOf(weightedSubsets(USUAL_WEIGHTS)),
    ]);
    await bench.rolledOut(NAMESPACE, 'client', 'server', 'backend-v1', 'backend-v2');
    for (const [namespace, name] of [
      [NAMESPACE, 'waypoint'],
      [RESTRICTED, 'lone'],
    ] as const) {
      await eventually(async () => {
        expect(await condition(bench, 'Programmed', 'gateway', name, namespace)).toMatchObject({ status: 'True' });
      }, 60_000);
    }
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE, RESTRICTED);
  });

  async function optIn(service: string, ...labels: readonly string[]): Promise<void> {
    await bench.cluster.kubectl(['-n', NAMESPACE, 'label', '--overwrite', 'service', service, ...labels]);
  }

  /** Labels a Service and waits until what is sent to it passes by the waypoint. */
  async function behindWaypoint(service: string, port: number): Promise<void> {
    await optIn(service, 'istio.io/use-waypoint=waypoint');
    await eventually(async () => {
      expect(await condition(bench, BOUND, 'service', service, NAMESPACE)).toMatchObject({ status: 'True' });
    });
    const since = new Date();
    const mark = port === SERVER_PORTS.greeting ? `${service}.${NAMESPACE}` : `/asked/for/${service}`;
    await eventually(async () => {
      if (port === SERVER_PORTS.greeting) await greeting(service);
      else await send(service, { loops: 1, total: 1, path: mark });
      const lines = await logLines(bench, NAMESPACE, waypointLabel('waypoint'), since);
      expect(lines.filter((line) => line.includes(mark)).length, mark).toBeGreaterThan(0);
    });
  }

  const send = (service: string, more: object): Promise<RequestsReport> =>
    bench.requests(NAMESPACE, 'client', { host: `${service}.${NAMESPACE}`, port: 8080, loops: 8, ...more });

  const greeting = (service: string): ReturnType<Bench['dial']> =>
    bench.dial(NAMESPACE, 'client', {
      host: `${service}.${NAMESPACE}`,
      port: SERVER_PORTS.greeting,
      endAfterAnswer: true,
      timeout: 3_000,
    });

  /** Connections that the server took from the client itself: what passes a waypoint comes from the waypoint's address. */
  async function direct(since: Date): Promise<number> {
    const ip = await bench.read(['pods', '-n', NAMESPACE, '-l', 'app=client'], '{.items[0].status.podIP}');
    const lines = (await logLines(bench, NAMESPACE, 'app=server', since)).filter((line) => line.startsWith('{'));
    const events = lines.map((line) => JSON.parse(line) as ServerEvent);
    return events.filter(({ event, from }) => event === 'accepted' && from.endsWith(ip)).length;
  }

  it('is served by two pods that go one after the other, as restricted as pods can be', async () => {
    const deployment = ['deployment', 'waypoint', '-n', NAMESPACE];
    const budget = ['poddisruptionbudget', 'waypoint', '-n', NAMESPACE];
    // It serves when the first of them is ready.
    await eventually(async () => {
      expect(await bench.read(deployment, '{.spec.replicas} {.status.readyReplicas}')).toBe('2 2');
      expect(await bench.read(budget, '{.spec.maxUnavailable} {.status.disruptionsAllowed}')).toBe('1 1');
      // The API server has admitted it where it enforces that level.
      expect(await bench.read(['deployment', 'lone', '-n', RESTRICTED], '{.status.readyReplicas}')).toBe('1');
    }, 60_000);
  });

  it.each([
    ['HTTPRoute', 'by-route'],
    ['VirtualService and DestinationRule', 'by-subset'],
  ])('is split 90 to 10 by %s, and a header chooses', async (kind, service) => {
    await behindWaypoint(service, 8080);
    const split = await send(service, { total: REQUESTS });
    demandAllAnswered(split);
    console.log(`${kind}: v2 got ${shareOfV2(split).toFixed(2)} % of ${described(split)}`);
    expect(Math.abs(shareOfV2(split) - USUAL_WEIGHTS[1]), kind).toBeLessThanOrEqual(TOLERANCE);
    const chosen = await send(service, { total: 300, headers: { 'x-canary': 'true' } });
    demandAllAnswered(chosen);
    expect(shareOfV2(chosen)).toBe(100);
    const other = await send(service, { total: 300, headers: { 'x-canary': 'True' } });
    demandAllAnswered(other);
    expect(shareOfV2(other)).toBeLessThan(50);
  });

  it.each([
    ['a pod of it is deleted', 15_000, deletePod, []],
    ['a pod of it is deleted that gets a second to end', 15_000, deletePod, ['--grace-period=1']],
    ['it is restarted', 20_000, restart, []],
  ] as const)(
    'loses no request that may be sent again and no new connection while %s',
    async (what, duration, deed, words) => {
      await behindWaypoint('steady', 8080);
      await behindWaypoint('steady-raw', SERVER_PORTS.greeting);
      const kept = send('steady', { duration, loops: 4, pause: 10, repeat: true });
      const single = send('steady', { duration, loops: 2, pause: 10, repeat: true, keepAlive: false });
      const opening = await bench.load(NAMESPACE, 'client', { host: `steady-raw.${NAMESPACE}`, rate: RATE, duration });
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const since = Date.now();
      await deed(words);
      const took = Date.now() - since;
      const [keptReport, singleReport, rawReport] = await Promise.all([kept, single, opening.report]);
      console.log(
        `${what}, ${took} ms: kept connections: ${described(keptReport)}; new ones: ${described(singleReport)}; raw: ${describeFailures(rawReport, since)}`,
      );
      demandAllAnswered(keptReport);
      demandAllAnswered(singleReport);
      expect(failures(rawReport), describeFailures(rawReport, since)).toEqual([]);
      expect(rawReport.attempts.length).toBeGreaterThan((RATE * duration) / 1_500);
      expect(await direct(new Date(since))).toBe(0);
    },
  );

  async function deletePod(words: readonly string[]): Promise<void> {
    const pods = await bench.read(
      ['pods', '-n', NAMESPACE, '-l', waypointLabel('waypoint')],
      '{.items[*].metadata.name}',
    );
    const [name = ''] = pods.split(' ');
    await bench.cluster.kubectl(['-n', NAMESPACE, 'delete', 'pod', name, ...words]);
    await bench.rolledOut(NAMESPACE, 'waypoint');
  }

  async function restart(): Promise<void> {
    await bench.cluster.kubectl(['-n', NAMESPACE, 'rollout', 'restart', 'deployment/waypoint']);
    await bench.rolledOut(NAMESPACE, 'waypoint');
  }

  it('is not reached past a waypoint that was ready: refused with the reason, and its condition says so', async () => {
    await optIn('by-lone', 'istio.io/use-waypoint=lone', `istio.io/use-waypoint-namespace=${RESTRICTED}`);
    await eventually(async () => {
      const since = new Date();
      expect((await greeting('by-lone')).received).toMatch(/^hello/);
      expect(await direct(since)).toBe(0);
    });
    const since = new Date();
    await bench.cluster.kubectl(['-n', RESTRICTED, 'scale', 'deployment/lone', '--replicas=0']);
    const scaled = performance.now();
    await eventually(async () => {
      await greeting('by-lone');
      expect(await condition(bench, BOUND, 'service', 'by-lone', NAMESPACE)).toMatchObject({
        status: 'False',
        reason: 'WaypointIsNotReady',
        message: `waypoint ${RESTRICTED}/lone is not ready; it was ready before, so connections are refused`,
      });
    });
    const saidAfter = performance.now() - scaled;
    // A waypoint that ends serves to its end.
    const pods = ['pod', '-l', waypointLabel('lone'), '--timeout=60s'];
    await bench.cluster.kubectl(['-n', RESTRICTED, 'wait', '--for=delete', ...pods]);
    console.log(`said after ${Math.round(saidAfter)} ms, gone after ${Math.round(performance.now() - scaled)} ms`);
    for (let tries = 0; tries < 5; tries++) expect((await greeting('by-lone')).received).toBe('');
    expect(await direct(since)).toBe(0);
    const refused = (await logLines(bench, MESH_NAMESPACE, 'app=ztunnel', since)).filter(
      (line) => line.includes(`by-lone.${NAMESPACE}`) && /error=".*waypoint/.test(line),
    );
    console.log(refused.at(-1));
    expect(refused.length).toBeGreaterThanOrEqual(5);
    await bench.cluster.kubectl(['-n', RESTRICTED, 'scale', 'deployment/lone', '--replicas=1']);
    await eventually(async () => {
      expect((await greeting('by-lone')).received).toMatch(/^hello/);
      expect(await condition(bench, BOUND, 'service', 'by-lone', NAMESPACE)).toMatchObject({ status: 'True' });
    });
    expect(await direct(since)).toBe(0);
  });

  it('is reached directly when its waypoint never was ready, and its condition says so', async () => {
    await optIn('by-nobody', 'istio.io/use-waypoint=nobody');
    await eventually(async () => {
      expect(await condition(bench, BOUND, 'service', 'by-nobody', NAMESPACE)).toMatchObject({
        status: 'False',
        reason: 'WaypointIsNotReady',
        message: `waypoint ${NAMESPACE}/nobody does not exist; connections go straight to the pods, without what the waypoint would do`,
      });
    });
    const since = new Date();
    expect((await greeting('by-nobody')).received).toMatch(/^hello/);
    await eventually(async () => {
      expect(await direct(since)).toBe(1);
    });
  });
});

function objectsOf(manifest: string): object[] {
  return parseAllDocuments(manifest).map((document) => document.toJS() as object);
}
