import type { IpAddress } from '@ambit/core/address';
import type { Bench, BenchPodName } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { CHECK_MARKER, type DialResult, SERVER_PORTS, type ServerPort } from '../clients/options.ts';
import { byWaypoint, demandAllAnswered, httpAt } from '../waypoint/answers.ts';
import { RAW_SERVICE, WAYPOINT } from '../waypoint/manifests.ts';

/** `server` is in the mesh and may dial itself. */
const CLIENTS = ['client', 'guest', 'server', 'outsider'] as const;
const SERVICES = { server: 'server.check', stayer: 'stayer.check-moving', waypoint: `${RAW_SERVICE}.check` } as const;
/** Lines come up from pods and data threads within so many milliseconds. */
const VISIBLE_WITHIN = 3_000;
const TIMEOUT = 5_000;

interface Target {
  readonly name: string;
  readonly host: IpAddress;
  readonly server: BenchPodName;
  readonly byWaypoint: boolean;
}

function targets(bench: Bench): Target[] {
  const service = (name: string, server: BenchPodName, byWaypoint = false): Target => {
    return { name, host: bench.serviceAddress(name), server, byWaypoint };
  };
  const pod = (server: BenchPodName): Target => {
    return { name: `the address of ${server}`, host: bench.pod(server).ip, server, byWaypoint: false };
  };
  return [
    service(SERVICES.server, 'server'),
    service(SERVICES.stayer, 'stayer'),
    service(SERVICES.waypoint, 'server', true),
    pod('server'),
    pod('stayer'),
  ];
}

export const everyPair: Check<Bench> = {
  name: 'pods of the mesh and others reach each other by Service and by address; behind a waypoint alone the server does not see who dials',
  limit: 120_000,
  run: async (bench) => {
    let pairs = 0;
    for (const target of targets(bench)) {
      for (const client of CLIENTS) {
        await reach(bench, client, target);
        pairs += 1;
      }
    }
    return `${pairs} pairs, each with a server that speaks first and with HTTP`;
  },
};

async function reach(bench: Bench, client: BenchPodName, target: Target): Promise<void> {
  const what = `${client} to ${target.name}`;
  const since = bench.clock.wallTime();
  const [greeted, answered] = await Promise.all([
    dial(bench, client, target.host, 'greeting'),
    dial(bench, client, target.host, 'http1'),
  ]);
  demand(greeted.received.startsWith('hello'), `${what}: no greeting: ${JSON.stringify(greeted)}`);
  demand(answered.received.startsWith('HTTP/1.1 200'), `${what}: no answer: ${JSON.stringify(answered)}`);
  const { from } = await eventually(bench.clock, VISIBLE_WITHIN, `${what}: the server tells of it`, () =>
    Promise.resolve(
      bench
        .pod(target.server)
        .events(since)
        .find(({ event, port }) => event === 'accepted' && port === 'greeting'),
    ),
  );
  const isSeen = from.endsWith(bench.pod(client).ip);
  // What is outside of the mesh knows nothing of waypoints.
  const expected = !target.byWaypoint || client === 'outsider';
  demand(isSeen === expected, `${what}: the server sees ${from}`);
}

export const ownAddress: Check<Bench> = {
  name: 'what a pod sends to its own address does not pass by the mesh',
  limit: 30_000,
  run: async (bench) => {
    const since = bench.clock.wallTime();
    const { ip } = bench.pod('server');
    const result = await dial(bench, 'server', ip, 'greeting');
    demand(result.received.startsWith('hello'), `no greeting: ${JSON.stringify(result)}`);
    // A connection that does pass by it ends later, and so is logged later.
    await dial(bench, 'server', bench.serviceAddress(SERVICES.server), 'greeting');
    const records = await eventually(bench.clock, VISIBLE_WITHIN, 'the record of the second connection', () => {
      const all = bench.node('b').accessLog(since);
      const own = all.filter(({ fields }) => fields['src.workload'] === 'server' && fields['direction'] === 'outbound');
      return Promise.resolve(own.length > 0 ? own : undefined);
    });
    demand(records.length === 1, `${records.length} records: ${JSON.stringify(records)}`);
    return 'no record of it, and one of the same by its Service';
  },
};

export const listeningAddresses: Check<Bench> = {
  name: 'an application that listens on the address of its pod alone is reached, and one on its loopback alone is not',
  limit: 60_000,
  run: async (bench) => {
    const seen: string[] = [];
    for (const client of ['client', 'outsider'] as const) {
      for (const name of [SERVICES.server, SERVICES.waypoint]) {
        const host = bench.serviceAddress(name);
        const reached = await dial(bench, client, host, 'podAddress');
        demand(reached.received.startsWith(CHECK_MARKER), `${client} to ${name}: ${JSON.stringify(reached)}`);
        const refused = await dial(bench, client, host, 'loopback');
        demand(refused.received === '', `${client} reaches the loopback behind ${name}`);
        demand(refused.ending !== 'timeout', `${client} waits for the loopback behind ${name}`);
        seen.push(refused.ending);
      }
    }
    return `on the loopback: ${[...new Set(seen)].join(', ')}`;
  },
};

export const seenByWaypoint: Check<Bench> = {
  name: 'a waypoint sees the requests of the mesh to its Services, and no others',
  limit: 60_000,
  run: async (bench) => {
    const service = 'steady.check-l7';
    await byWaypoint(bench, service, WAYPOINT);
    const since = bench.clock.wallTime();
    const ask = async (client: BenchPodName, to: string, path: string): Promise<void> => {
      demandAllAnswered(await bench.pod(client).requests({ ...httpAt(bench, to), path, loops: 1, total: 5 }));
    };
    await ask('outsider', service, '/from/outside');
    await ask('client', 'backend-v1.check-l7', '/to/no/waypoint');
    await ask('client', service, '/from/the/mesh');
    await ask('guest', service, '/from/another/namespace');
    const paths = (): string[] => {
      const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
      return records.map(({ fields }) => String(fields['path']));
    };
    await eventually(bench.clock, VISIBLE_WITHIN, 'ten records', () =>
      Promise.resolve(paths().length >= 10 || undefined),
    );
    // Whatever else it has seen is told by now.
    await pause(bench.clock, 500);
    const unexpected = paths().filter((path) => path !== '/from/the/mesh' && path !== '/from/another/namespace');
    demand(
      unexpected.length === 0 && paths().length === 10,
      `${paths().length} records, unexpected: ${unexpected.join(' ')}`,
    );
    return '10 requests seen of 20 that were answered';
  },
};

function dial(bench: Bench, client: BenchPodName, host: IpAddress, port: ServerPort): Promise<DialResult> {
  const to = { host, port: SERVER_PORTS[port], timeout: TIMEOUT };
  if (port === 'greeting') return bench.pod(client).dial({ ...to, endAfterAnswer: true });
  const send = port === 'http1' ? 'GET / HTTP/1.1\r\nhost: server\r\n\r\n' : `${CHECK_MARKER}\n`;
  return bench.pod(client).dial({ ...to, send });
}
