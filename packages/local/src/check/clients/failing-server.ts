import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import { systemClock } from '@ambit/core/clock';
import { pause } from '../check.ts';
import type { FailingServerOptions, FailingServerReport } from './failing-server-options.ts';

const { port, outage, after, lasts } = JSON.parse(process.argv[2] ?? '{}') as FailingServerOptions;
const requests: number[] = [];
let out = false;

function serve(): Server {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(systemClock.wallTime());
    request.resume();
    if (!out) response.setHeader('x-pod', hostname()).end('here\n');
    else if (outage === 'is unavailable') response.writeHead(503).end('not now\n');
  });
  return server.listen({ port, host: '0.0.0.0', backlog: 4096 });
}

/** Rules of the pod's own, beside those of the mesh: what is sent to the port is dropped, and who wants to connect is noted. */
const DROP = `table inet outage {
  set askers { type ipv4_addr . inet_service; flags dynamic; size 65535; }
  chain in {
    type filter hook input priority 0;
    tcp dport ${port} tcp flags & (syn | ack) == syn add @askers { ip saddr . tcp sport }
    tcp dport ${port} drop
  }
}`;
let asked = 0;

/** How many connections were asked for. */
function askers(): number {
  const listed = execFileSync('nft', ['-j', 'list set inet outage askers'], { encoding: 'utf8' });
  const { nftables } = JSON.parse(listed) as { nftables: { set?: { elem?: unknown[] } }[] };
  return nftables.find(({ set }) => set !== undefined)?.set?.elem?.length ?? 0;
}

function begin(server: Server): void {
  out = true;
  if (outage === 'vanishes') execFileSync('nft', [DROP]);
  if (outage !== 'refuses') return;
  server.close();
  server.closeAllConnections();
}

async function end(server: Server): Promise<Server> {
  out = false;
  if (outage === 'vanishes') {
    asked = askers();
    execFileSync('nft', ['delete table inet outage']);
  }
  // What was taken while it was silent is not answered any more.
  if (outage === 'is silent') server.closeAllConnections();
  if (outage !== 'refuses') return server;
  const again = serve();
  await once(again, 'listening');
  return again;
}

let server = serve();
await once(server, 'listening');
const told = new Promise<void>((resolve) => {
  process.once('SIGTERM', () => {
    resolve();
  });
});
console.log('ready');
await pause(systemClock, after);
const from = systemClock.wallTime();
begin(server);
await pause(systemClock, lasts);
server = await end(server);
const until = systemClock.wallTime();
await told;
const report: FailingServerReport = { from, until, requests, asked };
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
