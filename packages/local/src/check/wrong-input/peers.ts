import type { Bench } from '../bench.ts';
import { type Check, demand } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import type { TunnelVisit, VisitResult } from '../clients/tunnel-options.ts';
import { withNeighbours } from './neighbours.ts';

const HBONE_PORT = 15008;
const SPIFFE = 'spiffe://cluster.local/ns/check/sa/client';
const STRANGER = 'spiffe://other.domain/ns/check/sa/client';
const HANDSHAKE_TIMEOUT = 10_000;

export const wrongCertificates: Check<Bench> = {
  name: 'a peer with an expired or unknown certificate, of another trust domain, or without TLS gets no tunnel',
  limit: 60_000,
  run: (bench) =>
    withNeighbours(bench, async () => {
      const { certificates } = bench;
      const cases: Record<string, VisitResult> = {
        expired: await visit(bench, {
          kind: 'connect',
          peer: await certificates.own(SPIFFE, bench.clock.wallTime() - 5_000),
        }),
        'other trust domain': await visit(bench, { kind: 'connect', peer: await certificates.own(STRANGER) }),
        'unknown authority': await visit(bench, { kind: 'connect', peer: await certificates.foreign(SPIFFE) }),
        'no certificate': await visit(bench, { kind: 'connect' }),
      };
      for (const [name, result] of Object.entries(cases)) {
        demand(result.status === undefined, `${name}: answered with ${result.status ?? 0}`);
        demand(result.failure !== 'timeout', `${name}: left hanging`);
      }
      const plain = await visit(bench, { kind: 'plaintext' });
      demand(plain.closedAfter !== undefined && plain.closedAfter < 1_000, `plain text: ${JSON.stringify(plain)}`);
      const control = await visit(bench, { kind: 'connect', peer: await certificates.own(SPIFFE) });
      demand(control.status === 200, `a good certificate is answered with ${JSON.stringify(control)}`);
      return Object.entries(cases)
        .map(([name, { failure }]) => `${name}: ${failure ?? 'closed'}`)
        .join('; ');
    }),
};

export const wrongRequests: Check<Bench> = {
  name: "on the tunnel port CONNECT to another address than the pod's, and GET, are answered with 400",
  limit: 30_000,
  run: (bench) =>
    withNeighbours(bench, async () => {
      const peer = await bench.certificates.own(SPIFFE);
      const elsewhere = await visit(bench, { kind: 'connect', peer, authority: `${bench.pod('client').ip}:80` });
      demand(elsewhere.status === 400, `CONNECT elsewhere: ${JSON.stringify(elsewhere)}`);
      const get = await visit(bench, { kind: 'get', peer });
      demand(get.status === 400, `GET: ${JSON.stringify(get)}`);
      return '400 for both';
    }),
};

export const floods: Check<Bench> = {
  name: 'header bombs and rapid resets end their own connection and disturb nobody else',
  limit: 60_000,
  run: (bench) =>
    withNeighbours(bench, async () => {
      const peer = await bench.certificates.own(SPIFFE);
      const bomb = await visit(bench, { kind: 'header-bomb', peer, timeout: 15_000 });
      demand(bomb.closedAfter !== undefined, `a header bomb goes on: ${JSON.stringify(bomb)}`);
      const resets = await visit(bench, { kind: 'rapid-reset', peer, count: 100_000, timeout: 15_000 });
      demand(resets.closedAfter !== undefined, `rapid resets go on: ${JSON.stringify(resets)}`);
      return `closed after ${bomb.sent ?? 0} bytes of headers, and after ${resets.sent ?? 0} resets`;
    }),
};

export const stalledHandshakes: Check<Bench> = {
  name: 'a stalled handshake is ended, and 1,000 half-open ones keep nobody else out',
  limit: 90_000,
  run: (bench) =>
    withNeighbours(bench, async () => {
      const stalled = await visit(bench, { kind: 'stalled-handshake', timeout: HANDSHAKE_TIMEOUT + 5_000 });
      demand(stalled.closedAfter !== undefined, 'a stalled handshake stays open');
      const crowd = visit(bench, { kind: 'half-open', count: 1_000, timeout: HANDSHAKE_TIMEOUT + 5_000 });
      // From another address: what one source may hold half-open is limited, what others do is not.
      const among = await visit(bench, { kind: 'connect', peer: await bench.certificates.own(SPIFFE) }, 'mover');
      demand(among.status === 200, `among 1,000 half-open ones a good peer gets ${JSON.stringify(among)}`);
      const { sent } = await crowd;
      demand(sent === 0, `${sent ?? 0} of 1,000 half-open handshakes are still open`);
      return `ended after ${Math.round(stalled.closedAfter)} ms; a good peer was served among 1,000`;
    }),
};

/** Visits the server's tunnel port; by default from outside the mesh, where nothing captures the connection. */
function visit(
  bench: Bench,
  how: Omit<TunnelVisit, 'host' | 'port' | 'timeout'> & { timeout?: number },
  from: 'outsider' | 'mover' = 'outsider',
): Promise<VisitResult> {
  const { ip } = bench.pod('server');
  return bench
    .pod(from)
    .visit({ host: ip, port: HBONE_PORT, authority: `${ip}:${SERVER_PORTS.echoOnce}`, timeout: 5_000, ...how });
}
