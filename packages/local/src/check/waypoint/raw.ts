import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import { RAW_SERVICE, UNDECLARED_PORT, WAYPOINT } from './manifests.ts';

const TRIES = 20;
/** A proxy that waits for the client to speak delays every greeting by more than this, in milliseconds. */
const AT_ONCE = 100;
const VISIBLE_WITHIN = 5_000;
const SERVICE = `${RAW_SERVICE}.check`;

export const rawGreeting: Check<Bench> = {
  name: 'a server that speaks first is heard at once through a waypoint, also on a port whose protocol nobody declared',
  limit: 60_000,
  run: async (bench) => {
    const since = bench.clock.wallTime();
    const declared = await greetings(bench, SERVER_PORTS.greeting);
    const undeclared = await greetings(bench, UNDECLARED_PORT);
    await eventually(bench.clock, VISIBLE_WITHIN, 'the waypoint logs the connections', () => {
      const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
      const served = records.filter(({ fields }) => String(fields['upstream_cluster'] ?? '').includes(RAW_SERVICE));
      return Promise.resolve(served.length >= 2 * TRIES ? true : undefined);
    });
    return `of ${TRIES} greetings each: declared TCP ${declared}; undeclared ${undeclared}`;
  },
};

async function greetings(bench: Bench, port: number): Promise<string> {
  const waits: number[] = [];
  for (let n = 0; n < TRIES; n++) {
    const result = await bench
      .pod('client')
      .dial({ host: bench.serviceAddress(SERVICE), port, endAfterAnswer: true, timeout: 5_000 });
    demand(result.received.startsWith('hello'), `no greeting on ${port}: ${JSON.stringify(result)}`);
    waits.push((result.firstByteAt ?? Number.POSITIVE_INFINITY) - result.startedAt);
  }
  // A single one may have met a busy moment of the machine.
  const sorted = waits.toSorted((a, b) => a - b);
  const median = sorted[TRIES / 2] ?? Number.POSITIVE_INFINITY;
  demand(median < AT_ONCE, `half of the greetings on ${port} took ${median} ms or more`);
  return `median ${median} ms, the slowest ${sorted.at(-1) ?? 0} ms`;
}
