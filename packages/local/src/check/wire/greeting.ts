import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';

const TRIES = 20;
/** A proxy that waits for the client to speak delays every greeting by more than this, in milliseconds. */
const AT_ONCE = 100;

export const greeting: Check<Bench> = {
  name: 'a server that speaks first is heard at once',
  limit: 30_000,
  run: async (bench) => {
    const waits: number[] = [];
    for (let n = 0; n < TRIES; n++) {
      const result = await bench.pod('client').dial({
        host: bench.serviceAddress('server.check'),
        port: SERVER_PORTS.greeting,
        endAfterAnswer: true,
        timeout: 5_000,
      });
      demand(result.received.startsWith('hello'), `no greeting: ${JSON.stringify(result)}`);
      waits.push((result.firstByteAt ?? Number.POSITIVE_INFINITY) - result.startedAt);
    }
    // A single one may have met a busy moment of the machine.
    const sorted = waits.toSorted((a, b) => a - b);
    const median = sorted[TRIES / 2] ?? Number.POSITIVE_INFINITY;
    demand(median < AT_ONCE, `half of the greetings took ${median} ms or more`);
    return `${TRIES} greetings, median ${median} ms, the slowest ${sorted.at(-1) ?? 0} ms`;
  },
};
