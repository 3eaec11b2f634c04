import type { Bench } from '../bench.ts';
import { type Check, demand, pause } from '../check.ts';
import { describeCuts } from '../load-report.ts';
import { authorizationPolicy, peerAuthentication } from '../policies.ts';
import { settled, watchRefusals, withManifest } from './refusal.ts';
import { STRICT_POLICY } from './strict.ts';

/** A forbidden connection may live so long after the policy was written, in milliseconds. */
const CUT_WITHIN = 1_000;
const CONNECTIONS = 5;
const RULE = '{from: [{source: {principals: ["cluster.local/ns/check/sa/client"]}}]}';

export const liveCut: Check<Bench> = {
  name: 'a live connection that a new policy forbids is cut within a second, with the reason',
  limit: 30_000,
  run: async (bench) => {
    const byPolicy = await cutBy(bench, 'client', authorizationPolicy('no-client', 'DENY', RULE), 'check/no-client');
    await settled(bench, 'client', true);
    const byMode = await cutBy(bench, 'outsider', peerAuthentication('STRICT'), STRICT_POLICY);
    await settled(bench, 'outsider', true);
    return `after ${byPolicy} ms by a DENY with selector, after ${byMode} ms of plain text by STRICT`;
  },
};

/** Milliseconds from the write of the manifest to the last cut. */
async function cutBy(bench: Bench, from: 'client' | 'outsider', yaml: string, policy: string): Promise<number> {
  const load = await bench
    .pod(from)
    .load({ host: bench.pod('server').ip, rate: 0, held: CONNECTIONS, messageEvery: 20 });
  const demandVisible = await watchRefusals(bench);
  const since = bench.clock.wallTime();
  return withManifest(bench, 'live-cut', yaml, async () => {
    await pause(bench.clock, CUT_WITHIN);
    const report = await load.stop();
    demand(report.cuts.length === CONNECTIONS, `within ${CUT_WITHIN} ms ${describeCuts(report)} by ${policy}`);
    await demandVisible(policy);
    return Math.max(...report.cuts.map((cut) => cut.at)) - since;
  });
}
