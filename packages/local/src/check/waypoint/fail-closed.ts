import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { type DialResult, SERVER_PORTS } from '../clients/options.ts';
import { gateway, L7_NAMESPACE, rawService } from './manifests.ts';

const MANIFEST = 'check-lone';
const LONE = `${L7_NAMESPACE}/lone`;
const WITHIN = 20_000;
const DIAL_TIMEOUT = 3_000;
/** A process that is killed takes a moment to be missed, in milliseconds. */
const MISSED_AFTER = 100;
/** Refusals that have to be seen while the waypoint is away. */
const LEAST_REFUSALS = 2;
/** Log lines come up from the data threads within so many milliseconds. */
const VISIBLE_WITHIN = 2_000;

export const failClosed: Check<Bench> = {
  name: 'a service whose waypoint is gone refuses, with the reason; one that never had a ready one is reached directly',
  limit: 90_000,
  run: async (bench) => {
    bench.apply(
      MANIFEST,
      [gateway('lone', 1), rawService('by-lone', 'lone'), rawService('by-nobody', 'nobody')].join('---\n'),
    );
    try {
      const never = await eventually(bench.clock, WITHIN, 'the service without waypoint answers', async () => {
        const since = bench.clock.wallTime();
        return isGreeted(await greeting(bench, 'by-nobody')) ? since : undefined;
      });
      demand(directSince(bench, never) > 0, 'the service without waypoint is not reached directly');
      await eventually(bench.clock, WITHIN, 'the waypoint serves', async () => {
        const since = bench.clock.wallTime();
        return isGreeted(await greeting(bench, 'by-lone')) && directSince(bench, since) === 0 ? true : undefined;
      });
      const killedAt = await only(bench)?.kill();
      demand(killedAt !== undefined, 'there is no waypoint to kill');
      await pause(bench.clock, MISSED_AFTER);
      const endings: string[] = [];
      const backAfter = await eventually(bench.clock, WITHIN, 'the waypoint serves again', async () => {
        const result = await greeting(bench, 'by-lone');
        if (isGreeted(result)) return result.startedAt - killedAt;
        endings.push(result.ending);
        return undefined;
      });
      demand(endings.length >= LEAST_REFUSALS, `only ${endings.length} connections were tried while it was away`);
      demand(directSince(bench, killedAt) === 0, `${directSince(bench, killedAt)} connections passed by the waypoint`);
      const reason = await reasonSince(bench, killedAt);
      return `${endings.length} of ${endings.length} refused (${[...new Set(endings)].join(', ')}: ${reason}) until the waypoint was back after ${backAfter} ms; without a waypoint ever ready: direct`;
    } finally {
      bench.remove(MANIFEST);
    }
  },
};

function only(bench: Bench): ReturnType<Bench['waypoints']>[number] | undefined {
  return bench.waypoints(LONE)[0];
}

function greeting(bench: Bench, service: string): Promise<DialResult> {
  const host = bench.serviceAddress(`${service}.check`);
  return bench.pod('client').dial({ host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: DIAL_TIMEOUT });
}

function isGreeted({ received }: DialResult): boolean {
  return received.startsWith('hello');
}

/** Connections that the server took from the client itself: what passes a waypoint comes from the waypoint's address. */
function directSince(bench: Bench, since: number): number {
  const { ip } = bench.pod('client');
  return bench
    .pod('server')
    .events(since)
    .filter(({ event, from }) => event === 'accepted' && from.endsWith(ip)).length;
}

/** What the client's node logged as the reason of the refusals. */
function reasonSince(bench: Bench, since: number): Promise<string> {
  return eventually(bench.clock, VISIBLE_WITHIN, 'an access record with the reason', () => {
    const refused = bench
      .node('a')
      .accessLog(since)
      .find(({ fields }) => /waypoint/.test(String(fields['error'] ?? '')));
    return Promise.resolve(refused === undefined ? undefined : String(refused.fields['error']));
  });
}
