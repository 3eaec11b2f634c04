import type { Bench } from '../bench.ts';
import { type Check, demand, pause } from '../check.ts';
import { byWaypoint, CANARIES, demandAllAnswered, describe, httpAt, shareOfV2, tookAt } from './answers.ts';
import { WAYPOINT } from './manifests.ts';
import { USUAL_WEIGHTS } from './routes.ts';

const REQUESTS = 5_000;
const LOOPS = 16;
/** Percentage points that a share may be off. */
const TOLERANCE = 2;
const CANARY_REQUESTS = 300;
/** Weights have to be in force within so many milliseconds. */
const IN_FORCE_WITHIN = 1_000;

export const weights: Check<Bench> = {
  name: `a route 90/10, by HTTPRoute and by VirtualService: of ${REQUESTS} requests the shares are right within ${TOLERANCE} points`,
  limit: 120_000,
  run: async (bench) => {
    const parts: string[] = [];
    for (const { kind, service } of CANARIES) {
      await byWaypoint(bench, service, WAYPOINT);
      const report = await bench.pod('client').requests({ ...httpAt(bench, service), loops: LOOPS, total: REQUESTS });
      demandAllAnswered(report);
      const share = shareOfV2(report);
      demand(Math.abs(share - USUAL_WEIGHTS[1]) <= TOLERANCE, `${kind}: v2 got ${share.toFixed(2)} %`);
      parts.push(`${kind}: v2 got ${share.toFixed(2)} % of ${describe(report)}, p50 ${tookAt(report.answers, 0.5)} ms`);
    }
    return parts.join('; ');
  },
};

export const canaryHeader: Check<Bench> = {
  name: 'requests with x-canary: true reach v2 and nothing else',
  limit: 60_000,
  run: async (bench) => {
    const parts: string[] = [];
    for (const { kind, service } of CANARIES) {
      await byWaypoint(bench, service, WAYPOINT);
      const asked = { ...httpAt(bench, service), loops: 4, total: CANARY_REQUESTS };
      const report = await bench.pod('client').requests({ ...asked, headers: { 'x-canary': 'true' } });
      demandAllAnswered(report);
      demand(shareOfV2(report) === 100, `${kind}: only ${shareOfV2(report).toFixed(1)} % reached v2`);
      const other = await bench.pod('client').requests({ ...asked, headers: { 'x-canary': 'True' } });
      demand(shareOfV2(other) < 50, `${kind}: another value is taken for the same`);
      parts.push(`${kind}: ${CANARY_REQUESTS} of ${CANARY_REQUESTS}`);
    }
    return parts.join('; ');
  },
};

export const weightsChange: Check<Bench> = {
  name: 'a change of weights is in force within a second, under load without an error',
  limit: 60_000,
  run: async (bench) => {
    const parts: string[] = [];
    for (const canary of CANARIES) {
      await byWaypoint(bench, canary.service, WAYPOINT);
      try {
        parts.push(`${canary.kind}: ${await change(bench, canary)}`);
      } finally {
        bench.apply(canary.manifest, canary.write(USUAL_WEIGHTS));
      }
    }
    return parts.join('; ');
  },
};

/** Takes everything from v2, then gives everything to it, and says how long answers of the other version went on. */
async function change(bench: Bench, { service, manifest, write }: (typeof CANARIES)[number]): Promise<string> {
  const load = await bench.pod('client').requesting({ ...httpAt(bench, service), loops: 8, pause: 5 });
  await pause(bench.clock, IN_FORCE_WITHIN);
  const steps: { at: number; wrong: string }[] = [];
  for (const [weights, wrong] of [
    [[100, 0], 'v2'],
    [[0, 100], 'v1'],
    [[100, 0], 'v2'],
  ] as const) {
    steps.push({ at: bench.clock.wallTime(), wrong });
    bench.apply(manifest, write(weights));
    await pause(bench.clock, 2 * IN_FORCE_WITHIN);
  }
  const report = await load.stop();
  demandAllAnswered(report);
  const delays = steps.map(({ at, wrong }, index) => {
    const until = steps[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const answers = report.answers.filter(([startedAt]) => startedAt >= at && startedAt < until);
    demand(
      answers.some(([, , , version]) => version !== wrong),
      `no answer of the wanted version after change ${index + 1}`,
    );
    return Math.max(0, ...answers.filter(([, , , version]) => version === wrong).map(([startedAt]) => startedAt - at));
  });
  demand(Math.max(...delays) <= IN_FORCE_WITHIN, `in force only after ${delays.join(', ')} ms`);
  return `in force after ${delays.join(', ')} ms; ${describe(report)}`;
}
