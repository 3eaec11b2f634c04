import type { Bench } from '../bench.ts';
import { demand } from '../check.ts';
import { underLoad } from '../failure/load.ts';
import { describeCuts, describeFailures, failures } from '../load-report.ts';

const RATE = 50;
const HELD = 10;

/** Runs something hostile beside ordinary traffic and demands that the proxies live and nobody else notices. */
export async function withNeighbours(bench: Bench, hostile: () => Promise<string>): Promise<string> {
  const pids = proxyPids(bench);
  const since = bench.clock.wallTime();
  let detail = '';
  const report = await underLoad(bench, { rate: RATE, held: HELD }, async () => {
    detail = await hostile();
  });
  demand(proxyPids(bench) === pids, 'a proxy was restarted');
  demand(failures(report).length === 0, `neighbours suffer: ${describeFailures(report, since)}`);
  demand(report.cuts.length === 0, `neighbours suffer: ${describeCuts(report)}`);
  return detail;
}

function proxyPids(bench: Bench): string {
  return `${bench.node('a').proxyPid()} ${bench.node('b').proxyPid()}`;
}
