import { messageOf } from '@ambit/core/errors';
import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import type { RequestsReport } from '../clients/requests-options.ts';
import { byWaypoint, demandAllAnswered, describe, httpAt, tookAt } from './answers.ts';
import { l7Service, L7_NAMESPACE, WAYPOINT } from './manifests.ts';
import { placedBackends, type PlacedBackend } from './places.ts';

const RATE = 300;
/** Requests at once at the most. */
const AT_ONCE = 300;
/** How long the load goes on before and after, in milliseconds. */
const WATCHED = 2_000;
const READY_WITHIN = 20_000;

const ZONAL = 'zonal';
const ZONES: readonly PlacedBackend[] = (['a', 'b'] as const).flatMap((node) =>
  [1, 2].map((at): PlacedBackend => ({ name: `${ZONAL}-${node}-${at}`, namespace: L7_NAMESPACE, node, app: ZONAL })),
);

export const zoneLost: Check<Bench> = {
  name: `all endpoints of a zone are killed under ${RATE} requests a second that prefer it: none fails`,
  limit: 120_000,
  run: async (bench) => {
    const service = `${ZONAL}.${L7_NAMESPACE}`;
    bench.zoned(true);
    bench.apply(ZONAL, `${l7Service(ZONAL, { app: ZONAL }, { http: 8080 }, 'waypoint')}---\n${zonal()}`);
    try {
      await allAnswer(bench, service, ZONES);
      const zone = await eventually(bench.clock, READY_WITHIN, 'one zone gets all requests', async () => {
        const { answers } = await bench.pod('client').requests({ ...httpAt(bench, service), loops: 4, total: 60 });
        const zones = new Set(answers.map(([, , , version]) => version));
        return zones.size === 1 ? [...zones][0] : undefined;
      });
      const { report, lostAt } = await whileLost(bench, httpAt(bench, service), () =>
        bench.killPods(`${ZONAL}-${zone}-`),
      );
      const before = report.answers.filter(([startedAt, took]) => startedAt + took < lostAt);
      const after = report.answers.filter(([startedAt]) => startedAt > lostAt + WATCHED);
      demand(before.length > 0 && before.every(([, , , version]) => version === zone), 'the zone was not preferred');
      demand(
        after.length > 0 && after.every(([, , , version]) => version !== zone),
        'the other zone has not taken over',
      );
      return `zone ${zone}: ${describeLoss(report, lostAt)}`;
    } finally {
      bench.remove(ZONAL);
      bench.zoned(false);
    }
  },
};

const SPREAD = 'spread';
const HOST = `${SPREAD}.example`;
const LOST = 'check-lost';
const HERE: PlacedBackend = { name: `${SPREAD}-here`, namespace: L7_NAMESPACE, node: 'a', app: SPREAD };
const THERE: readonly PlacedBackend[] = (['a', 'b'] as const).map((node) => ({
  ...{ name: `${SPREAD}-there-${node}`, namespace: LOST, node, app: SPREAD },
}));

export const namespaceLost: Check<Bench> = {
  name: `a namespace goes with all its pods, in which two of three endpoints of a ServiceEntry are, under ${RATE} requests a second: none fails`,
  limit: 120_000,
  run: async (bench) => {
    bench.apply(SPREAD, placedBackends([HERE]));
    bench.apply(LOST, `${namespace(LOST)}---\n${placedBackends(THERE)}`);
    const all = [HERE, ...THERE];
    try {
      await ready(bench, SPREAD, all);
      bench.apply(`${SPREAD}-entry`, entry(all.map(({ name }) => bench.ip(name))));
      await eventually(bench.clock, READY_WITHIN, `all endpoints of ${HOST} answer`, async () => {
        const report = await bench.pod('client').requests({ host: HOST, port: 8080, loops: 4, total: 40 });
        demandAllAnswered(report);
        return new Set(report.answers.map(([, , , , pod]) => pod)).size === all.length ? true : undefined;
      });
      const { report, lostAt } = await whileLost(bench, { host: HOST, port: 8080 }, async () => {
        const at = bench.clock.wallTime();
        bench.remove(LOST);
        await gone(bench, THERE);
        return at;
      });
      return describeLoss(report, lostAt);
    } finally {
      for (const name of [LOST, SPREAD, `${SPREAD}-entry`]) bench.remove(name);
    }
  },
};

function namespace(name: string): string {
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${name}
  labels:
    istio.io/dataplane-mode: ambient
`;
}

/** The endpoints stay written down when their pods are gone: nobody but who asks them learns that. */
function entry(addresses: readonly string[]): string {
  return `${repeating(HOST)}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: ${SPREAD}
  namespace: ${L7_NAMESPACE}
  labels:
    istio.io/use-waypoint: waypoint
spec:
  hosts: [${HOST}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 8080, name: http, protocol: HTTP}]
  endpoints: ${JSON.stringify(addresses.map((address) => ({ address })))}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: ${SPREAD}
  namespace: ${L7_NAMESPACE}
spec:
  host: ${HOST}
  trafficPolicy:
    connectionPool:
      tcp:
        connectTimeout: 250ms
    outlierDetection:
      consecutive5xxErrors: 5
      interval: 1s
      baseEjectionTime: 10s
      maxEjectionPercent: 100
`;
}

/**
 * Requests may be repeated also when they were sent and their endpoint has died before it answered: by default they are not, as in
 * Istio, since nobody knows what it has done. Without a time for each try one to an address that is gone would wait for its answer.
 */
function repeating(host: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ${host}
  namespace: ${L7_NAMESPACE}
spec:
  hosts: [${host}]
  http:
    - retries: {attempts: 2, perTryTimeout: 1s, retryOn: 'connect-failure,refused-stream,reset'}
      route: [{destination: {host: ${host}}}]
`;
}

/** Endpoints near the waypoint come first, since who fails is passed over. */
function zonal(): string {
  return `${repeating(ZONAL)}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: ${ZONAL}
  namespace: ${L7_NAMESPACE}
spec:
  host: ${ZONAL}
  trafficPolicy:
    loadBalancer:
      localityLbSetting:
        enabled: true
    outlierDetection:
      consecutive5xxErrors: 5
      interval: 1s
      baseEjectionTime: 10s
      maxEjectionPercent: 100
---
${placedBackends(ZONES)}`;
}

/** Requests at a rate while something is lost; demands that all were sent and answered. */
async function whileLost(
  bench: Bench,
  to: { readonly host: string; readonly port: number },
  lose: () => Promise<number>,
): Promise<{ readonly report: RequestsReport; readonly lostAt: number }> {
  const load = await bench.pod('client').requesting({ ...to, loops: AT_ONCE, rate: RATE });
  await pause(bench.clock, WATCHED);
  const lostAt = await lose();
  await pause(bench.clock, 2 * WATCHED);
  const report = await load.stop();
  demand(report.leftOut === 0, `${report.leftOut} requests were not sent: ${AT_ONCE} were under way`);
  try {
    demandAllAnswered(report);
  } catch (error) {
    throw new Error(`${messageOf(error)}; the waypoint says ${reasons(bench, lostAt)}`, { cause: error });
  }
  return { report, lostAt };
}

/** Why the waypoint answered with 503, and how often. */
function reasons(bench: Bench, since: number): string {
  const counts = new Map<string, number>();
  for (const { fields } of bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since - WATCHED))) {
    if (fields['response_code'] !== 503) continue;
    const reason = `${fields['response_flags'] ?? ''} ${fields['response_code_details'] ?? ''}`;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ');
}

function describeLoss(report: RequestsReport, lostAt: number): string {
  const after = report.answers.filter(([startedAt, took]) => startedAt + took > lostAt);
  const slowest = Math.round(Math.max(...after.map(([, took]) => took)));
  return `${describe(report)}; after it p99 ${Math.round(tookAt(after, 0.99))} ms, the slowest took ${slowest} ms`;
}

/** Waits until requests to a Service pass by the waypoint and every pod behind it is ready. */
async function allAnswer(bench: Bench, service: string, backends: readonly PlacedBackend[]): Promise<void> {
  await ready(bench, service, backends);
  await eventually(bench.clock, READY_WITHIN, `${service} has an address`, () =>
    Promise.resolve(bench.serviceAddress(service)),
  );
  await byWaypoint(bench, service, WAYPOINT);
}

function ready(bench: Bench, what: string, backends: readonly PlacedBackend[]): Promise<true> {
  return eventually(bench.clock, READY_WITHIN, `the pods of ${what} are ready`, () =>
    Promise.resolve(backends.every(({ name }) => bench.ready(name)) ? true : undefined),
  );
}

function gone(bench: Bench, backends: readonly PlacedBackend[]): Promise<true> {
  return eventually(bench.clock, READY_WITHIN, 'the pods are gone', () =>
    Promise.resolve(backends.every(({ name }) => bench.ready(name) === undefined) ? true : undefined),
  );
}
