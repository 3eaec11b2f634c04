import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { describeFailures, failures, latency, newFailures } from '../load-report.ts';
import { byWaypoint, demandAllAnswered, describe, httpAt } from './answers.ts';
import { gateway, l7Service, L7_NAMESPACE, RAW_SERVICE, rawService, WAYPOINT } from './manifests.ts';

const RATE = 200;
/** How long the load goes on before and after, in milliseconds. */
const WATCHED = 1_500;
const READY_WITHIN = 20_000;

export const waypointKilled: Check<Bench> = {
  name: 'a waypoint of two is killed under load: requests that may be repeated succeed, and no new connection is lost',
  limit: 90_000,
  run: async (bench) => {
    const client = bench.pod('client');
    const service = 'steady.check-l7';
    await byWaypoint(bench, service, WAYPOINT);
    const parts: string[] = [];
    for (const [victim] of bench.waypoints(WAYPOINT).entries()) {
      await bothReady(bench);
      const name = bench.waypoints(WAYPOINT).toSorted((a, b) => (a.name < b.name ? -1 : 1))[victim]?.name;
      const kept = await client.requesting({ ...httpAt(bench, service), loops: 8, pause: 2, repeat: true });
      const single = await client.requesting({
        ...{ ...httpAt(bench, service), loops: 4, pause: 5, repeat: true, keepAlive: false },
      });
      const raw = await client.load({ host: bench.serviceAddress(`${RAW_SERVICE}.check`), rate: RATE });
      await pause(bench.clock, WATCHED);
      const killedAt =
        (await bench
          .waypoints(WAYPOINT)
          .find((waypoint) => waypoint.name === name)
          ?.kill()) ?? 0;
      await pause(bench.clock, 2 * WATCHED);
      const [keptReport, singleReport, rawReport] = [await kept.stop(), await single.stop(), await raw.stop()];
      demandAllAnswered(keptReport);
      demandAllAnswered(singleReport);
      demand(newFailures(rawReport, killedAt).length === 0, describeFailures(rawReport, killedAt));
      const slowest = Math.round(Math.max(...keptReport.answers.map(([, took]) => took)));
      parts.push(
        `${describe(keptReport)} on kept connections (the slowest took ${slowest} ms), ${describe(singleReport)} on new ones; raw TCP: ${describeFailures(rawReport, killedAt)}`,
      );
    }
    await bothReady(bench);
    return parts.join('; ');
  },
};

function bothReady(bench: Bench): Promise<true> {
  return eventually(bench.clock, READY_WITHIN, 'both pods of the waypoint are ready', () =>
    Promise.resolve(bench.waypoints(WAYPOINT).filter(({ ready }) => ready).length === 2 ? true : undefined),
  );
}

const MANIFEST = 'check-second';
const RAW = 'joins';
const HTTP = 'joins-http';
const SECOND = `${L7_NAMESPACE}/second`;

export const waypointComesAndGoes: Check<Bench> = {
  name: `a waypoint is added and taken away under ${RATE} new connections a second: none is lost, and no request on kept ones`,
  limit: 120_000,
  run: async (bench) => {
    const services = (waypoint?: string): string =>
      [rawService(RAW, waypoint), l7Service(HTTP, { app: 'backend' }, { http: 8080 }, waypoint)].join('---\n');
    bench.apply(MANIFEST, services());
    try {
      await eventually(bench.clock, READY_WITHIN, 'the Services have addresses', () =>
        Promise.resolve([bench.serviceAddress(`${RAW}.check`), bench.serviceAddress(`${HTTP}.${L7_NAMESPACE}`)]),
      );
      await pause(bench.clock, WATCHED);
      const client = bench.pod('client');
      const raw = await client.load({ host: bench.serviceAddress(`${RAW}.check`), rate: RATE });
      const http = httpAt(bench, `${HTTP}.${L7_NAMESPACE}`);
      const single = await client.requesting({ ...http, loops: 2, pause: 10, keepAlive: false });
      await pause(bench.clock, WATCHED);
      const addedAt = bench.clock.wallTime();
      bench.apply(MANIFEST, `${gateway('second', 1)}---\n${services('second')}`);
      const inForceAfter = await eventually(bench.clock, READY_WITHIN, 'all pass by the new waypoint', () =>
        Promise.resolve(
          passedBy(bench, `${RAW}.`) > 0 && passedBy(bench, `${HTTP}.`) > 0
            ? bench.clock.wallTime() - addedAt
            : undefined,
        ),
      );
      // These begin by the waypoint and have to find their way when it goes.
      const kept = await client.requesting({ ...http, loops: 8, pause: 5 });
      await pause(bench.clock, WATCHED);
      const passed = passedBy(bench, '');
      const removedAt = bench.clock.wallTime();
      bench.apply(MANIFEST, services());
      await eventually(bench.clock, READY_WITHIN, 'the waypoint is gone', () =>
        Promise.resolve(bench.waypoints(SECOND).length === 0 ? true : undefined),
      );
      const goneAfter = bench.clock.wallTime() - removedAt;
      await pause(bench.clock, WATCHED);
      const [keptReport, singleReport, rawReport] = [await kept.stop(), await single.stop(), await raw.stop()];
      demand(failures(rawReport).length === 0, describeFailures(rawReport, removedAt));
      demandAllAnswered(singleReport);
      demandAllAnswered(keptReport);
      return `in force after ${inForceAfter} ms (${passed} passed by it), gone ${goneAfter} ms after it was taken away; raw TCP: ${describeFailures(rawReport, removedAt)}, the slowest took ${Math.round(latency(rawReport, 1))} ms; HTTP: ${describe(singleReport)} on new connections, ${describe(keptReport)} on kept ones`;
    } finally {
      bench.remove(MANIFEST);
    }
  },
};

/** How many connections or requests to Services whose names begin so the second waypoint has logged. */
function passedBy(bench: Bench, service: string): number {
  const records = bench.waypoints(SECOND).flatMap((waypoint) => waypoint.accessLog(0));
  return records.filter(({ fields }) => String(fields['upstream_cluster'] ?? '').includes(`|${service}`)).length;
}
