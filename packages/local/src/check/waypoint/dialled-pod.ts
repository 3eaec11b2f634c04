import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { type DialResult, SERVER_PORTS } from '../clients/options.ts';
import { movingNamespace } from '../manifests.ts';
import { gateway, L7_NAMESPACE } from './manifests.ts';

const GATEWAY = 'check-pods';
const NAMESPACE = 'moving';
const DOOR = `${L7_NAMESPACE}/pods`;
const WITHIN = 20_000;
const DIAL_TIMEOUT = 3_000;
/** A process that is killed takes a moment to be missed, in milliseconds. */
const MISSED_AFTER = 100;
/** Refusals that have to be seen while the waypoint is away. */
const LEAST_REFUSALS = 2;
/** Log lines come up from the data threads within so many milliseconds. */
const VISIBLE_WITHIN = 2_000;

export const dialledPod: Check<Bench> = {
  name: 'a pod that is dialled by its own address is reached through the waypoint of its namespace, and not while that is gone',
  limit: 90_000,
  run: async (bench) => {
    bench.apply(GATEWAY, gateway('pods', 1, 'workload'));
    bench.apply(
      NAMESPACE,
      movingNamespace(true, { 'istio.io/use-waypoint': 'pods', 'istio.io/use-waypoint-namespace': L7_NAMESPACE }),
    );
    try {
      const boundAt = await eventually(bench.clock, WITHIN, 'the pod is reached through the waypoint', async () => {
        const since = bench.clock.wallTime();
        return isGreeted(await greeting(bench)) && directSince(bench, since) === 0 ? since : undefined;
      });
      await eventually(bench.clock, VISIBLE_WITHIN, 'an access record of the waypoint with the pod', () =>
        Promise.resolve(
          bench.waypoints(DOOR).some((door) =>
            door.accessLog(boundAt).some(({ fields }) => {
              return String(fields['upstream_cluster']).endsWith('/check-moving/stayer');
            }),
          ) || undefined,
        ),
      );
      const killedAt = await bench.waypoints(DOOR)[0]?.kill();
      demand(killedAt !== undefined, 'there is no waypoint to kill');
      await pause(bench.clock, MISSED_AFTER);
      const endings: string[] = [];
      const backAfter = await eventually(bench.clock, WITHIN, 'the waypoint serves again', async () => {
        const result = await greeting(bench);
        if (isGreeted(result)) return result.startedAt - killedAt;
        endings.push(result.ending);
        return undefined;
      });
      demand(endings.length >= LEAST_REFUSALS, `only ${endings.length} connections were tried while it was away`);
      demand(directSince(bench, boundAt) === 0, `${directSince(bench, boundAt)} connections passed by the waypoint`);
      const reason = await reasonSince(bench, killedAt);
      return `${endings.length} of ${endings.length} refused (${[...new Set(endings)].join(', ')}: ${reason}) until the waypoint was back after ${backAfter} ms`;
    } finally {
      bench.apply(NAMESPACE, movingNamespace(false));
      bench.remove(GATEWAY);
    }
  },
};

function greeting(bench: Bench): Promise<DialResult> {
  const host = bench.pod('stayer').ip;
  return bench.pod('client').dial({ host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: DIAL_TIMEOUT });
}

function isGreeted({ received }: DialResult): boolean {
  return received.startsWith('hello');
}

/** Connections that the pod took from the client itself: what passes the waypoint comes from the waypoint's address. */
function directSince(bench: Bench, since: number): number {
  const { ip } = bench.pod('client');
  return bench
    .pod('stayer')
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
