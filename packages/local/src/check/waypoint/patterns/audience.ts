import type { Bench } from '../../bench.ts';
import { type Check, demand } from '../../check.ts';
import { demandAllAnswered, shareOfV2 } from '../answers.ts';
import { demandShare, PatternBench } from './pattern.ts';

const REQUESTS = 300;

/** Fields of a request, and which version has to answer it. */
const AB_CASES: readonly (readonly [headers: Record<string, string>, version: 'v1' | 'v2'])[] = [
  [{ 'x-group': 'b' }, 'v2'],
  [{ 'x-group': 'a' }, 'v1'],
  [{}, 'v1'],
  [{ cookie: 'group=b' }, 'v2'],
  [{ cookie: 'theme=dark; group=b; lang=de' }, 'v2'],
  [{ cookie: 'group=bb' }, 'v1'],
  [{ cookie: 'subgroup=b' }, 'v1'],
];

const AB = `    - match:
        - headers: {x-group: {exact: b}}
        - headers: {cookie: {regex: "^(.*;\\\\s*)?group=b(;.*)?$"}}
      route: [{destination: {host: backend-v2, port: {number: 8080}}}]
    - route: [{destination: {host: backend-v1, port: {number: 8080}}}]
`;

export const abTest: Check<Bench> = {
  name: 'an A/B test by header and by cookie: each group gets its version and nothing else',
  limit: 60_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      pattern.virtualService(AB);
      await pattern.inForce('group b has v2', (report) => shareOfV2(report) === 100, { headers: { 'x-group': 'b' } });
      for (const [headers, version] of AB_CASES) {
        const report = await pattern.requests(REQUESTS, { headers });
        demandAllAnswered(report);
        const share = shareOfV2(report);
        demand(share === (version === 'v2' ? 100 : 0), `${JSON.stringify(headers)}: v2 got ${share.toFixed(1)} %`);
      }
      return `${AB_CASES.length} kinds of requests, ${REQUESTS} each`;
    }),
};

const TIER = `    - matches: [{headers: [{name: x-user-tier, value: gold}]}]
      backendRefs:
        - {name: backend-v1, port: 8080, weight: 99}
        - {name: backend-v2, port: 8080, weight: 1}
    - backendRefs: [{name: backend-v1, port: 8080}]
`;
const TIER_REQUESTS = 5_000;

export const headerTier: Check<Bench> = {
  name: '1 % of the requests with x-user-tier: gold go to v2, and none without',
  limit: 60_000,
  run: (bench) =>
    PatternBench.use(bench, async (pattern) => {
      pattern.httpRoute(TIER);
      await pattern.inForce('v1 has the rest', (report) => shareOfV2(report) === 0);
      const others = await pattern.requests(TIER_REQUESTS, { headers: { 'x-user-tier': 'silver' } });
      demandAllAnswered(others);
      demand(shareOfV2(others) === 0, `v2 got ${shareOfV2(others).toFixed(2)} % of the other tier`);
      const gold = await pattern.requests(TIER_REQUESTS, { headers: { 'x-user-tier': 'gold' } });
      demandAllAnswered(gold);
      return demandShare('gold', shareOfV2(gold), 1, 0.7);
    }),
};
