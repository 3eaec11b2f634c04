import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';

const TRIES = 20;
/** A greeting that waits for anything else than the way there and back is late, in milliseconds. */
const AT_ONCE = 250;

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
    // The first one may have had to build the tunnel.
    const worst = Math.max(...waits.slice(1));
    demand(worst < AT_ONCE, `a greeting took ${worst} ms`);
    return `${TRIES} greetings, the first after ${waits[0] ?? 0} ms, the others within ${worst} ms`;
  },
};
