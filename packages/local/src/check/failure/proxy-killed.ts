import type { Bench } from '../bench.ts';
import { type Check, demand, pause } from '../check.ts';
import { describeFailures, failures, firstSuccessAfter, newFailures } from '../load-report.ts';
import { RATE, underLoad } from './load.ts';

/**
 * After a kill the first new connection is answered within so many milliseconds. Alone on two processors it takes 200 to 300,
 * which the check says; how long a process takes to start depends on what else the machine does.
 */
const BACK_WITHIN = 2_000;
/** Between the two kills, in milliseconds. */
const APART = 5_000;

export const proxyKilled: Check<Bench> = {
  name: 'a proxy is killed twice within ten seconds, once without controller: new connections wait, none fails',
  limit: 120_000,
  run: async (bench) => {
    const parts: string[] = [];
    for (const name of ['a', 'b'] as const) {
      const kills: number[] = [];
      const report = await underLoad(bench, { rate: RATE }, async () => {
        await pause(bench.clock, 1_000);
        kills.push(await bench.node(name).killProxy());
        await pause(bench.clock, APART / 2);
        await bench.controller.kill();
        try {
          await pause(bench.clock, APART / 2);
          kills.push(await bench.node(name).killProxy());
          await pause(bench.clock, 3_000);
        } finally {
          await bench.controller.start();
        }
      });
      const backAfter = kills.map((kill) =>
        Math.round((firstSuccessAfter(report, kill) ?? Number.POSITIVE_INFINITY) - kill),
      );
      const lost = newFailures(report, kills[0] ?? 0).filter(
        ({ startedAt }) => !kills.some((kill) => underWay(startedAt, kill)),
      );
      demand(lost.length === 0, `node ${name}: ${describeFailures(report, kills[0] ?? 0)}`);
      demand(Math.max(...backAfter) <= BACK_WITHIN, `node ${name}: back after ${backAfter.join(' and ')} ms`);
      parts.push(
        `node ${name}: back after ${backAfter.join(' and ')} ms, ${failures(report).length} that were under way broke`,
      );
    }
    return parts.join('; ');
  },
};

/** Begun before the kill and not through yet: accepted by the process that died. */
function underWay(startedAt: number, kill: number): boolean {
  return startedAt < kill && startedAt > kill - UNDER_WAY;
}

/** How long an exchange takes at most on a busy machine, in milliseconds. */
const UNDER_WAY = 250;
