import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { byWaypoint, demandAllAnswered, httpAt, tookAt } from './answers.ts';
import { WAYPOINT } from './manifests.ts';

const SERVICE = 'steady.check-l7';
const ROUNDS = { quick: 5, full: 9 };
const REQUESTS = 400;
/** Slow readers at once. */
const READERS = 6;
/** Much more than every buffer on the way holds. */
const ASKED = 1 << 30;
const ROUND_WITHIN = 30_000;
/** How much longer the others may take. */
const MOST = 1.5;

export const slowReader: Check<Bench> = {
  name: 'a slow reader stalls only itself: the others take as long as without it',
  limit: 240_000,
  run: async (bench) => {
    await byWaypoint(bench, SERVICE, WAYPOINT);
    const rounds = bench.full ? ROUNDS.full : ROUNDS.quick;
    const ratios: number[] = [];
    const slowed: number[] = [];
    await others(bench);
    for (let round = 0; round < rounds; round++) {
      // In turn, so that neither always has the warmer machine.
      const alone = round % 2 === 0 ? await others(bench) : 0;
      const beside = await besideSlowReaders(bench);
      ratios.push(beside / (alone === 0 ? await others(bench) : alone));
      slowed.push(beside);
    }
    const median = middle(ratios);
    demand(
      median <= MOST,
      `the others take ${median.toFixed(2)} times as long (${ratios.map((r) => r.toFixed(2)).join(', ')})`,
    );
    const { stall } = await bench.pod('client').tell(`${bench.serviceAddress('till.check-l7')}:9090`, 1, rounds);
    demand(stall.ratio <= MOST, `gRPC calls beside unread streams take ${stall.ratio.toFixed(2)} times as long`);
    return `median of ${rounds} interleaved rounds: p90 of the others ${middle(slowed).toFixed(1)} ms, ${median.toFixed(2)} times that without ${READERS} slow readers; gRPC calls beside unread streams of their own connection ${stall.beside.toFixed(1)} ms, ${stall.ratio.toFixed(2)} times`;
  },
};

async function besideSlowReaders(bench: Bench): Promise<number> {
  const at = httpAt(bench, SERVICE);
  const slow = await bench.pod('client').readSlowly({ ...at, readers: READERS, bytes: ASKED, timeout: ROUND_WITHIN });
  try {
    return await others(bench);
  } finally {
    await slow.stop();
  }
}

/** The p90 of requests of others through the same waypoint, in milliseconds. */
async function others(bench: Bench): Promise<number> {
  const report = await bench.pod('client').requests({ ...httpAt(bench, SERVICE), loops: 4, total: REQUESTS });
  demandAllAnswered(report);
  return tookAt(report.answers, 0.9);
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
