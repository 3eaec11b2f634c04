import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { directSince, type Door, isGreeted, refusedWhileAway, SERVES_WITHIN } from './closed-door.ts';
import { gateway, L7_NAMESPACE, rawService } from './manifests.ts';

const MANIFEST = 'check-lone';

export const failClosed: Check<Bench> = {
  name: 'a service whose waypoint is gone refuses, with the reason; one that never had a ready one is reached directly',
  limit: 90_000,
  run: async (bench) => {
    const doorOf = (service: string, waypoint: string): Door => {
      const host = (): string => bench.serviceAddress(`${service}.check`);
      return { waypoint: `${L7_NAMESPACE}/${waypoint}`, host, server: 'server' };
    };
    const [lone, nobody] = [doorOf('by-lone', 'lone'), doorOf('by-nobody', 'nobody')];
    bench.apply(
      MANIFEST,
      [gateway('lone', 1), rawService('by-lone', 'lone'), rawService('by-nobody', 'nobody')].join('---\n'),
    );
    try {
      const never = await eventually(bench.clock, SERVES_WITHIN, 'the service without waypoint answers', async () => {
        const since = bench.clock.wallTime();
        return (await isGreeted(bench, nobody)) ? since : undefined;
      });
      demand(directSince(bench, nobody, never) > 0, 'the service without waypoint is not reached directly');
      await eventually(bench.clock, SERVES_WITHIN, 'the waypoint serves', async () => {
        const since = bench.clock.wallTime();
        return (await isGreeted(bench, lone)) && directSince(bench, lone, since) === 0 ? true : undefined;
      });
      return `${await refusedWhileAway(bench, lone)}; without a waypoint ever ready: direct`;
    } finally {
      bench.remove(MANIFEST);
    }
  },
};
