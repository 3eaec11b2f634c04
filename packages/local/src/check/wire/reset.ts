import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { CHECK_MARKER, SERVER_PORTS } from '../clients/options.ts';

export const reset: Check<Bench> = {
  name: 'a reset arrives as a reset, both ways',
  limit: 20_000,
  run: async (bench) => {
    const host = bench.serviceAddress('server.check');
    const byServer = await bench.pod('client').dial({ host, port: SERVER_PORTS.reset, send: 'x', timeout: 5_000 });
    demand(byServer.ending === 'reset', `the server's reset arrives as ${byServer.ending}`);

    const since = bench.clock.wallTime();
    await bench.pod('client').dial({
      host,
      port: SERVER_PORTS.greeting,
      send: `${CHECK_MARKER}\n`,
      resetAfterAnswer: true,
      timeout: 5_000,
    });
    const seen = await eventually(bench.clock, 3_000, "the end of the client's connection at the server", () =>
      Promise.resolve(
        bench
          .pod('server')
          .events(since)
          .find(({ port, event }) => port === 'greeting' && event !== 'accepted'),
      ),
    );
    demand(seen.event === 'reset', `the client's reset arrives as ${seen.event}`);
    return 'from server to client and from client to server';
  },
};
