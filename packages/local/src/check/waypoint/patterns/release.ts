import type { Bench } from '../../bench.ts';
import { type Check, demand, pause } from '../../check.ts';
import { demandAllAnswered, describe, shareOfV2 } from '../answers.ts';
import { demandShare, PatternBench } from './pattern.ts';

/** Weight of v2, requests, and points that its share may be off: more than four standard deviations. */
const STEPS = [
  [1, 5_000, 0.7],
  [10, 5_000, 2],
  [50, 2_000, 5],
  [100, 500, 0],
] as const;
const SWITCHED_WITHIN = 1_000;

const weighted = (v2: number): string => `    - backendRefs:
        - {name: backend-v1, port: 8080, weight: ${100 - v2}}
        - {name: backend-v2, port: 8080, weight: ${v2}}
`;

export const canarySteps: Check<Bench> = {
  name: 'a canary gets 1, 10, 50 and 100 % of the requests, step by step, by one HTTPRoute',
  limit: 90_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      const said: string[] = [];
      let before = -1;
      for (const [weight, total, tolerance] of STEPS) {
        pattern.httpRoute(weighted(weight));
        if (before < 0) await pattern.inForce('v1 has most', (report) => shareOfV2(report) < 30);
        else await pause(bench.clock, SWITCHED_WITHIN);
        before = weight;
        const report = await pattern.requests(total);
        demandAllAnswered(report);
        said.push(demandShare(`weight ${weight}`, shareOfV2(report), weight, tolerance));
      }
      return said.join('; ');
    }),
};

export const blueGreen: Check<Bench> = {
  name: 'blue and green: all requests go over to the other version within a second, and none fails',
  limit: 60_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      pattern.httpRoute('    - backendRefs: [{name: backend-v1, port: 8080}]\n');
      await pattern.inForce('v1 has everything', (report) => shareOfV2(report) === 0);
      const load = await pattern.requesting();
      await pause(bench.clock, 1_000);
      const at = bench.clock.wallTime();
      pattern.httpRoute('    - backendRefs: [{name: backend-v2, port: 8080}]\n');
      await pause(bench.clock, 3_000);
      const report = await load.stop();
      demandAllAnswered(report);
      const late = report.answers.filter(([startedAt, , , version]) => startedAt >= at && version === 'v1');
      const after = Math.max(0, ...late.map(([startedAt]) => startedAt - at));
      demand(after <= SWITCHED_WITHIN, `v1 answered until ${after} ms after the switch`);
      demand(
        report.answers.some(([, , , version]) => version === 'v2'),
        'no answer of v2',
      );
      return `${describe(report)}; the last answer of v1 after ${after} ms`;
    }),
};
