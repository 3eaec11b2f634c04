import type { Bench, BenchWaypoint } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { BACKEND_PORTS } from '../clients/requests-options.ts';
import { byWaypoint, demandAllAnswered, describe, httpAt } from './answers.ts';
import { gateway, l7Service, L7_NAMESPACE } from './manifests.ts';

const RATE = 300;
/** Requests at once at the most. */
const AT_ONCE = 300;
/** How long the load goes on before and after, in milliseconds. */
const WATCHED = 2_000;
const READY_WITHIN = 30_000;
/** A pod that is told to end takes connections for two seconds more, and ends those that it has. */
const DRAINED_WITHIN = 15_000;

const TRIO = `${L7_NAMESPACE}/trio`;

export const waypointOfThree: Check<Bench> = {
  name: `of three pods of a waypoint one is killed and then one is drained under ${RATE} requests a second: none fails that may be repeated`,
  limit: 120_000,
  run: async (bench) => {
    const service = `trio-http.${L7_NAMESPACE}`;
    bench.apply('check-trio', manifest('trio', 3));
    try {
      await pods(bench, TRIO, 3);
      await byWaypoint(bench, service, TRIO);
      const load = await bench
        .pod('client')
        .requesting({ ...httpAt(bench, service), loops: AT_ONCE, rate: RATE, repeat: true });
      await pause(bench.clock, WATCHED);
      await bench.waypoints(TRIO)[0]?.kill();
      await pause(bench.clock, WATCHED);
      await pods(bench, TRIO, 3);
      bench.apply('check-trio', manifest('trio', 2));
      await eventually(bench.clock, DRAINED_WITHIN, 'one pod is gone', () =>
        Promise.resolve(bench.waypoints(TRIO).length === 2 ? true : undefined),
      );
      await pause(bench.clock, WATCHED);
      const report = await load.stop();
      demand(report.leftOut === 0, `${report.leftOut} requests were not sent: ${AT_ONCE} were under way`);
      demandAllAnswered(report);
      const slowest = Math.round(Math.max(...report.answers.map(([, took]) => took)));
      return `${describe(report)}, the slowest took ${slowest} ms`;
    } finally {
      bench.remove('check-trio');
    }
  },
};

const GROWING = `${L7_NAMESPACE}/growing`;
const CLIENTS = 32;
/** Each pod must have at least this share of the requests, in percent: even would be 33. */
const LEAST_SHARE = 10;
/** Between two looks at how requests are shared, in milliseconds. */
const LOOK = 1_000;
/** Clients are asked within ten seconds, which begin two to four after the new pods are ready. */
const SHARED_WITHIN = 30_000;

export const waypointGrows: Check<Bench> = {
  name: `a waypoint grows from one pod to three under ${CLIENTS} kept HTTP/2 connections: all three get a share, and no request fails`,
  limit: 120_000,
  run: async (bench) => {
    const service = `growing-http.${L7_NAMESPACE}`;
    bench.apply('check-growing', manifest('growing', 1));
    try {
      await pods(bench, GROWING, 1);
      await byWaypoint(bench, service, GROWING);
      const load = await bench.pod('client').requesting({
        ...httpAt(bench, service),
        port: BACKEND_PORTS.http2,
        loops: CLIENTS,
        pause: 50,
        version: 'http2',
      });
      await pause(bench.clock, WATCHED);
      bench.apply('check-growing', manifest('growing', 3));
      const all = await pods(bench, GROWING, 3);
      const grownAt = bench.clock.wallTime();
      const shares = await eventually(bench.clock, SHARED_WITHIN, 'all three pods get a share', async () => {
        const since = bench.clock.wallTime();
        await pause(bench.clock, LOOK);
        const counts = all.map((waypoint) => waypoint.accessLog(since).length);
        const sum = counts.reduce((total, count) => total + count, 0);
        const percents = counts.map((count) => Math.round((100 * count) / Math.max(1, sum)));
        if (Math.min(...percents) >= LEAST_SHARE) return percents;
        throw new Error(`they get ${percents.join(', ')} %`);
      });
      const after = bench.clock.wallTime() - grownAt;
      const report = await load.stop();
      demandAllAnswered(report);
      return `${describe(report)}; ${after} ms after they were ready the pods get ${shares.join(', ')} %`;
    } finally {
      bench.remove('check-growing');
    }
  },
};

/** A waypoint of so many pods, and a Service behind it. */
function manifest(name: string, replicas: number): string {
  return [
    gateway(name, replicas),
    l7Service(`${name}-http`, { app: 'backend' }, { http: 8080, http2: BACKEND_PORTS.http2 }, name),
  ].join('---\n');
}

function pods(bench: Bench, name: string, count: number): Promise<BenchWaypoint[]> {
  return eventually(bench.clock, READY_WITHIN, `${count} pods of ${name} are ready`, () => {
    const all = bench.waypoints(name);
    return Promise.resolve(all.length === count && all.every(({ ready }) => ready) ? all : undefined);
  });
}
