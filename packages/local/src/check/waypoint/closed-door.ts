import type { Bench, BenchPodName } from '../bench.ts';
import { demand, eventually, pause } from '../check.ts';
import type { DialOptions, DialResult } from '../clients/options.ts';
import { SERVER_PORTS } from '../clients/options.ts';

/** What is reached through a waypoint and not otherwise. */
export interface Door {
  /** `namespace/name` of the waypoint. */
  readonly waypoint: string;
  /** Where the client dials. */
  readonly host: () => DialOptions['host'];
  /** Who answers there. */
  readonly server: BenchPodName;
}

/** A waypoint serves within so many milliseconds. */
export const SERVES_WITHIN = 20_000;
/** Log lines come up from the data threads within so many milliseconds. */
export const VISIBLE_WITHIN = 2_000;
const DIAL_TIMEOUT = 3_000;
/** A process that is killed takes a moment to be missed, in milliseconds. */
const MISSED_AFTER = 100;
/** Refusals that have to be seen while the waypoint is away. */
const LEAST_REFUSALS = 2;

/** One connection of the client; whether the server has greeted. */
export async function isGreeted(bench: Bench, door: Pick<Door, 'host'>): Promise<boolean> {
  return greeted(await dial(bench, door));
}

/** Connections that the server took from the client itself: what passes the waypoint comes from the waypoint's address. */
export function directSince(bench: Bench, { server }: Pick<Door, 'server'>, since: number): number {
  const { ip } = bench.pod('client');
  return bench
    .pod(server)
    .events(since)
    .filter(({ event, from }) => event === 'accepted' && from.endsWith(ip)).length;
}

/** Kills the waypoint and demands that connections are refused, and none passes by it, until it is back. */
export async function refusedWhileAway(bench: Bench, door: Door): Promise<string> {
  const killedAt = await bench.waypoints(door.waypoint)[0]?.kill();
  demand(killedAt !== undefined, 'there is no waypoint to kill');
  await pause(bench.clock, MISSED_AFTER);
  const endings: string[] = [];
  const backAfter = await eventually(bench.clock, SERVES_WITHIN, 'the waypoint serves again', async () => {
    const result = await dial(bench, door);
    if (greeted(result)) return result.startedAt - killedAt;
    endings.push(result.ending);
    return undefined;
  });
  demand(endings.length >= LEAST_REFUSALS, `only ${endings.length} connections were tried while it was away`);
  const direct = directSince(bench, door, killedAt);
  demand(direct === 0, `${direct} connections passed by the waypoint`);
  const reason = await reasonSince(bench, killedAt);
  return `${endings.length} of ${endings.length} refused (${[...new Set(endings)].join(', ')}: ${reason}) until the waypoint was back after ${backAfter} ms`;
}

function dial(bench: Bench, { host }: Pick<Door, 'host'>): Promise<DialResult> {
  return bench
    .pod('client')
    .dial({ host: host(), port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: DIAL_TIMEOUT });
}

function greeted({ received }: DialResult): boolean {
  return received.startsWith('hello');
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
