import type { Bench } from '../bench.ts';
import { type Check, demand, pause } from '../check.ts';
import { describeCuts, describeFailures, failures } from '../load-report.ts';
import { authorizationPolicy } from '../policies.ts';
import { settled, withManifest } from '../policy/refusal.ts';
import { underLoad } from './load.ts';

const RATE = 100;
const HELD = 20;
/** How long the controller is away, in milliseconds; in the long form six times that. */
const AWAY = 5_000;
/** Proxies try to reconnect at ever longer intervals, of 15 s at most. */
const RECONNECTED_WITHIN = 20_000;
const RULE = '{from: [{source: {namespaces: ["check-guests"]}}]}';

export const controllerAway: Check<Bench> = {
  name: 'with the controller killed traffic goes on, new connections too; brought back, changes flow again',
  limit: 90_000,
  run: async (bench) => {
    const pids = [bench.node('a').proxyPid(), bench.node('b').proxyPid()];
    const since = bench.clock.wallTime();
    const report = await underLoad(bench, { rate: RATE, held: HELD }, async () => {
      await bench.controller.kill();
      try {
        await pause(bench.clock, bench.full ? AWAY * 6 : AWAY);
      } finally {
        await bench.controller.start();
      }
      await pause(bench.clock, 1_000);
    });
    demand(failures(report).length === 0, describeFailures(report, since));
    demand(report.cuts.length === 0, describeCuts(report));
    const begin = bench.clock.now();
    await withManifest(bench, 'deny-namespace', authorizationPolicy('after-return', 'DENY', RULE), () =>
      settled(bench, 'guest', false, { within: RECONNECTED_WITHIN }),
    );
    const took = Math.round(bench.clock.now() - begin);
    await settled(bench, 'guest', true);
    demand(pids.join() === [bench.node('a').proxyPid(), bench.node('b').proxyPid()].join(), 'a proxy was restarted');
    return `${describeFailures(report, since)}, ${describeCuts(report)}; a policy was in force ${took} ms after the return`;
  },
};
