import type { Bench, BenchNodeName } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import type { LoadReport } from '../clients/options.ts';
import { describeFailures, failures, newFailures } from '../load-report.ts';
import { RATE, underLoad } from './load.ts';

/** A stall that no healthy loop has, in milliseconds. */
const STALL = 20_000;
/** A thread that is told to die or to stall goes on serving for a moment, in milliseconds. */
const TAKES_EFFECT = 50;
/** A thread that stalls has to be noticed and replaced within so many milliseconds. */
const REPLACED_WITHIN = 15_000;
/** Descriptors that come and go with the traffic of the moment. */
const DESCRIPTORS_OF_TRAFFIC = 10;

export const threadKilled: Check<Bench> = {
  name: 'a data thread is killed under 500 new connections a second: no new connection is lost',
  limit: 120_000,
  run: (bench) => onBothNodes(bench, '/fault/terminate-thread'),
};

export const threadStalled: Check<Bench> = {
  name: 'a data thread stalls under 500 new connections a second: no new connection is lost, the thread is replaced',
  limit: 120_000,
  run: (bench) => onBothNodes(bench, `/fault/stall-thread?ms=${STALL}`),
};

async function onBothNodes(bench: Bench, fault: string): Promise<string> {
  const parts: string[] = [];
  for (const name of ['a', 'b'] as const) parts.push(`node ${name}: ${await once(bench, name, fault)}`);
  return parts.join('; ');
}

async function once(bench: Bench, name: BenchNodeName, fault: string): Promise<string> {
  const node = bench.node(name);
  // What the load needs and keeps, such as tunnels, is there before descriptors are counted.
  await underLoad(bench, { rate: RATE }, () => pause(bench.clock, 1_000));
  await pause(bench.clock, 1_000);
  const before = node.descriptors();
  const pid = node.proxyPid();
  let faultAt = 0;
  let replacedAfter = 0;
  const report = await underLoad(bench, { rate: RATE }, async () => {
    await pause(bench.clock, 1_000);
    const replaced = await replacements(bench, name);
    faultAt = bench.clock.wallTime();
    await node.admin('POST', fault);
    await eventually(bench.clock, REPLACED_WITHIN, 'the thread is replaced', async () =>
      (await replacements(bench, name)) > replaced ? true : undefined,
    );
    replacedAfter = bench.clock.wallTime() - faultAt;
    await pause(bench.clock, 2_000);
  });
  demandNoneLost(report, faultAt + TAKES_EFFECT);
  demand(node.proxyPid() === pid, 'the whole proxy was restarted');
  const after = await eventually(bench.clock, REPLACED_WITHIN, 'descriptors return to their number', () => {
    const now = node.descriptors();
    demand(now <= before + DESCRIPTORS_OF_TRAFFIC, `${now} descriptors, ${before} before`);
    return Promise.resolve(now);
  });
  const underWay = failures(report).length;
  return `replaced after ${replacedAfter} ms, none of ${report.attempts.length} lost but ${underWay} that the thread held, ${before} descriptors before, ${after} after`;
}

function demandNoneLost(report: LoadReport, since: number): void {
  demand(newFailures(report, since).length === 0, describeFailures(report, since));
}

async function replacements(bench: Bench, name: BenchNodeName): Promise<number> {
  const samples = await bench.node(name).metrics();
  return samples
    .filter((sample) => sample.name === 'ambit_data_thread_restarts_total')
    .reduce((sum, sample) => sum + sample.value, 0);
}
