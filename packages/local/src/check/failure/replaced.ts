import type { Bench } from '../bench.ts';
import { type Check, demand, pause } from '../check.ts';
import { describeCuts, describeFailures, failures, latency } from '../load-report.ts';
import { RATE, underLoad } from './load.ts';

const HELD = 20;
const NAME = 'server.check.svc.cluster.local';

export const proxyReplaced: Check<Bench> = {
  name: 'a proxy is replaced by a second one under 500 new connections a second: none is refused or reset, no name lost',
  limit: 120_000,
  run: async (bench) => {
    let toldAt = 0;
    const report = await underLoad(bench, { rate: RATE, held: HELD, name: NAME }, async () => {
      for (const name of ['a', 'b'] as const) {
        await pause(bench.clock, 1_000);
        toldAt = await bench.node(name).replaceProxy();
      }
      await pause(bench.clock, 1_000);
    });
    demand(failures(report).length === 0, describeFailures(report, toldAt));
    demand(report.names.lost === 0, `${report.names.lost} of ${report.names.lookups} lookups of a name were lost`);
    const slowest = Math.round(latency(report, 1));
    return `on both nodes: ${describeFailures(report, toldAt)}, the slowest took ${slowest} ms; ${describeCuts(report)}; ${report.names.lookups} names resolved`;
  },
};
