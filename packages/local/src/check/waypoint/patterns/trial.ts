import type { Bench } from '../../bench.ts';
import { type Check, demand, eventually } from '../../check.ts';
import { demandAllAnswered, describe, shareOfV2 } from '../answers.ts';
import { demandShare, PatternBench, shareOfStatus } from './pattern.ts';

const MIRRORED = 300;
const COPIES_WITHIN = 5_000;
const MIRROR = `    - filters: [{type: RequestMirror, requestMirror: {backendRef: {name: backend-v2, port: 8080}}}]
      backendRefs: [{name: backend-v1, port: 8080}]
`;

export const mirroring: Check<Bench> = {
  name: 'a mirror: v2 sees every request, and every answer is of v1',
  limit: 60_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      pattern.httpRoute(MIRROR);
      await pattern.inForce('v1 answers everything', (report) => shareOfV2(report) === 0);
      const since = bench.clock.wallTime();
      const report = await pattern.requests(MIRRORED, { headers: { 'x-upload': 'copied' } });
      demandAllAnswered(report);
      demand(shareOfV2(report) === 0, `v2 answered ${shareOfV2(report).toFixed(1)} %`);
      const copies = await eventually(bench.clock, COPIES_WITHIN, `v2 sees ${MIRRORED} requests`, () => {
        const seen = bench.pod('backend-v2').uploads(since).length;
        return Promise.resolve(seen >= MIRRORED ? seen : undefined);
      });
      demand(copies === MIRRORED, `v2 saw ${copies} of ${MIRRORED} requests`);
      return `${describe(report)}; v2 saw ${copies}`;
    }),
};

const DELAY_MS = 5_000;
const DELAY = `    - fault: {delay: {fixedDelay: 5s, percentage: {value: 10}}}
      route: [{destination: {host: backend-v1, port: {number: 8080}}}]
`;

export const delayed: Check<Bench> = {
  name: '10 % of the requests are delayed by 5 s, and the others are not',
  limit: 90_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      pattern.virtualService(DELAY);
      const asked = { loops: 100, answerWithin: 15_000 };
      const isLate = ([, took]: readonly [number, number, ...unknown[]]): boolean => took >= DELAY_MS;
      await pattern.inForce('some are late', ({ answers }) => answers.some(isLate), { ...asked, loops: 20 });
      const report = await pattern.requests(400, asked);
      demandAllAnswered(report);
      const between = report.answers.filter(([, took]) => took > 2_000 && took < DELAY_MS);
      demand(between.length === 0, `${between.length} requests took between 2 and 5 s`);
      const late = report.answers.filter(isLate);
      return demandShare('delayed', (100 * late.length) / report.answers.length, 10, 7);
    }),
};

const ABORT = `    - fault: {abort: {httpStatus: 503, percentage: {value: 5}}}
      route: [{destination: {host: backend-v1, port: {number: 8080}}}]
`;

export const aborted: Check<Bench> = {
  name: '5 % of the requests are answered with 503, and the others by the program',
  limit: 60_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      pattern.virtualService(ABORT);
      await pattern.inForce('some fail', (report) => shareOfStatus(report, 503) > 0);
      const report = await pattern.requests(5_000);
      demand(report.failures.length === 0, describe(report));
      demand(shareOfStatus(report, 200) + shareOfStatus(report, 503) === 100, describe(report));
      return demandShare('aborted', shareOfStatus(report, 503), 5, 1.5);
    }),
};
