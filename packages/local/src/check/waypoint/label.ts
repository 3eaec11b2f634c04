import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { describeFailures, failures } from '../load-report.ts';
import { directSince, type Door, isGreeted, SERVES_WITHIN } from './closed-door.ts';
import { rawService, WAYPOINT } from './manifests.ts';

const MANIFEST = 'check-label';
const RATE = 100;
/** How long each label stays, in milliseconds. */
const WATCHED = 1_000;

/** What the label says, and whether connections pass by the waypoint then. */
const STEPS: readonly (readonly [string, string | undefined, boolean])[] = [
  ['no label', undefined, false],
  ['the waypoint', 'waypoint', true],
  ['a waypoint that is not there', 'nobody-is-called-so', false],
  ['the waypoint again', 'waypoint', true],
  ['no label again', undefined, false],
];

export const changingLabel: Check<Bench> = {
  name: 'a Service goes by the waypoint that its label names, directly without one or with a name that nobody has, and no new connection is lost',
  limit: 90_000,
  run: async (bench) => {
    const host = (): string => bench.serviceAddress('by-label.check');
    const door: Door = { waypoint: WAYPOINT, host, server: 'server' };
    bench.apply(MANIFEST, rawService('by-label'));
    try {
      await eventually(bench.clock, SERVES_WITHIN, 'the Service answers', async () =>
        (await isGreeted(bench, door)) ? true : undefined,
      );
      const begunAt = bench.clock.wallTime();
      const load = await bench.pod('client').load({ host: host(), rate: RATE });
      for (const [what, label, passes] of STEPS) {
        bench.apply(MANIFEST, rawService('by-label', label));
        await eventually(
          bench.clock,
          SERVES_WITHIN,
          `connections ${passes ? 'pass by the waypoint' : 'go directly'} with ${what}`,
          async () => {
            const since = bench.clock.wallTime();
            if (!(await isGreeted(bench, door))) return undefined;
            return directSince(bench, door, since) === (passes ? 0 : 1) ? true : undefined;
          },
        );
        await pause(bench.clock, WATCHED);
      }
      const report = await load.stop();
      demand(failures(report).length === 0, describeFailures(report, begunAt));
      return `${report.attempts.length} connections while the label changed ${STEPS.length - 1} times, none lost`;
    } finally {
      bench.remove(MANIFEST);
    }
  },
};
