import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { describeFailures, failures, latency, newFailures } from '../load-report.ts';
import { byWaypoint, demandAllAnswered, describe, httpAt } from './answers.ts';
import { gateway, L7_NAMESPACE, RAW_SERVICE, rawService, WAYPOINT } from './manifests.ts';

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
const SERVICE = 'joins';
const SECOND = `${L7_NAMESPACE}/second`;

export const waypointComesAndGoes: Check<Bench> = {
  name: `a waypoint is added and taken away under ${RATE} new connections a second: none is lost`,
  limit: 120_000,
  run: async (bench) => {
    const without = rawService(SERVICE);
    const withWaypoint = `${gateway('second', 1)}---\n${rawService(SERVICE, 'second')}`;
    bench.apply(MANIFEST, without);
    try {
      await eventually(bench.clock, READY_WITHIN, `Service ${SERVICE} has an address`, () =>
        Promise.resolve(bench.serviceAddress(`${SERVICE}.check`)),
      );
      await pause(bench.clock, WATCHED);
      const load = await bench.pod('client').load({ host: bench.serviceAddress(`${SERVICE}.check`), rate: RATE });
      await pause(bench.clock, WATCHED);
      const addedAt = bench.clock.wallTime();
      bench.apply(MANIFEST, withWaypoint);
      await eventually(bench.clock, READY_WITHIN, 'connections pass by the new waypoint', () =>
        Promise.resolve(passedBy(bench, addedAt) > 0 ? true : undefined),
      );
      const inForceAfter = bench.clock.wallTime() - addedAt;
      await pause(bench.clock, WATCHED);
      const passed = passedBy(bench, addedAt);
      const removedAt = bench.clock.wallTime();
      bench.apply(MANIFEST, without);
      await eventually(bench.clock, READY_WITHIN, 'the waypoint is gone', () =>
        Promise.resolve(bench.waypoints(SECOND).length === 0 ? true : undefined),
      );
      const goneAfter = bench.clock.wallTime() - removedAt;
      await pause(bench.clock, WATCHED);
      const report = await load.stop();
      demand(failures(report).length === 0, describeFailures(report, removedAt));
      return `by the waypoint after ${inForceAfter} ms (more than ${passed} connections), gone ${goneAfter} ms after it was taken away; ${describeFailures(report, removedAt)}, the slowest took ${Math.round(latency(report, 1))} ms`;
    } finally {
      bench.remove(MANIFEST);
    }
  },
};

function passedBy(bench: Bench, since: number): number {
  return bench.waypoints(SECOND).flatMap((waypoint) => waypoint.accessLog(since)).length;
}
