import { describe, expect, it } from 'vitest';
import type { Answer, Client, Raw } from './test-application.ts';
import { clusterName } from './test-models.ts';
import { start } from './test-start.ts';
import { ask, http2Client, proofOf, say, switching } from './test-upgrades.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

/** A WebSocket from a client of HTTP/2 to a server of HTTP/1. */
function switched(options: Partial<TestServiceOptions> = {}): {
  bed: TestWaypoint;
  client: Client;
  answer: Answer;
  server: Raw;
} {
  const servers: Raw[] = [];
  const bed = start({ endpoints: { 'cart-1': switching(servers) }, ...options });
  const client = http2Client(bed);
  const answer = ask(client);
  bed.loop.until(() => answer.head !== undefined);
  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  return { bed, client, answer, server };
}

describe('a WebSocket of a client of HTTP/2, at an endpoint of HTTP/1', () => {
  it('is asked for as in HTTP/1, and then bytes go both ways', () => {
    const { bed, answer, server } = switched();
    expect(answer.status).toBe(101);
    expect(answer.field('sec-websocket-protocol')).toBe('chat');
    expect(answer.field('sec-websocket-accept')).toBeUndefined();
    expect(server.text).toMatch(/^GET \/chat HTTP\/1.1\r\nhost: cart\r\n/);
    expect(server.text).toContain('upgrade: websocket\r\n');
    expect(server.text).toContain('connection: upgrade\r\n');
    expect(server.text).toMatch(/sec-websocket-key: [A-Za-z0-9+/]{22}==\r\n/);
    expect(server.text).not.toMatch(/chunked|content-length|:protocol/);
    say(answer, '\x81\x05hello');
    bed.loop.until(() => server.text.endsWith('\r\n\r\n\x81\x05hello'));
    server.write('world');
    bed.loop.until(() => answer.body === 'world');
  });

  it('has a fresh key each time, and none that the client made up', () => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': switching(servers) } });
    const client = http2Client(bed);
    const answers = [1, 2].map(() => ask(client, { 'sec-websocket-key': 'bWFkZSB1cCBieSBjbGllbnQ=' }));
    bed.loop.until(() => answers.every(({ status }) => status === 101));
    const keys = servers.map(({ text }) => text.match(/sec-websocket-key: .*/g)).flat();
    expect(new Set(keys).size).toBe(2);
    expect(keys.join()).not.toContain('bWFkZSB1cCBieSBjbGllbnQ=');
  });

  it('is not opened by a server that cannot prove that it understood', () => {
    const bed = start({ endpoints: { 'cart-1': switching([], () => 'bm90aGluZyBwcm92ZWQ=') } });
    const answer = ask(http2Client(bed));
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(502);
    expect(bed.lines()[0]).toContain(' 502 UPE ');
  });

  it('has what the server said with its answer, and what the client said ahead', () => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': switching(servers, proofOf, 'welcome') } });
    const answer = ask(http2Client(bed));
    say(answer, 'early');
    bed.loop.until(() => answer.body === 'welcome' && servers[0]?.text.endsWith('\r\n\r\nearly') === true);
  });

  it('ends at the client, and the server may go on', () => {
    const { bed, answer, server } = switched();
    say(answer, 'bye', true);
    bed.loop.until(() => server.ended);
    expect(server.text.endsWith('bye')).toBe(true);
    server.write('the rest');
    bed.loop.until(() => answer.body === 'the rest');
    expect(answer.settled).toBe(false);
    server.endpoint?.endOutput();
    bed.loop.until(() => answer.complete && server.closed !== undefined);
    expect([answer.reset, server.closed?.error]).toEqual([undefined, undefined]);
    expect(bed.lines()).toHaveLength(1);
    expect(bed.lines()[0]).toContain('"GET /chat HTTP/2" 101 - via_upstream');
  });

  it('ends at the server, and the client may go on', () => {
    const { bed, answer, server } = switched();
    server.write('bye');
    server.endpoint?.endOutput();
    bed.loop.until(() => answer.complete);
    expect(answer.body).toBe('bye');
    say(answer, 'so long', true);
    bed.loop.until(() => server.text.endsWith('so long') && server.closed !== undefined);
    expect(server.closed?.error).toBeUndefined();
    expect(bed.lines()).toHaveLength(1);
  });

  it('whose client resets it resets the connection of the server', () => {
    const { bed, answer, server } = switched();
    answer.exchange?.reset(8);
    bed.loop.until(() => server.closed !== undefined);
    expect(server.closed?.error).toBeDefined();
    expect(bed.lines()).toHaveLength(1);
    expect(bed.lines()[0]).toContain(' 101 DC ');
  });

  it('whose server resets its connection is cancelled, and its neighbours live', () => {
    const { bed, client, answer, server } = switched();
    const other = ask(client);
    bed.loop.until(() => other.status === 101);
    server.endpoint?.destroy(undefined, true);
    bed.loop.until(() => answer.reset !== undefined);
    expect([answer.reset?.cause, answer.reset?.errorCode]).toEqual(['peer', 8]);
    expect(other.settled).toBe(false);
    expect(bed.lines()[0]).toContain(' 101 UC ');
  });

  it('is over with the connection of its client', () => {
    const { bed, client, server } = switched();
    client.http.abort(undefined);
    client.drop();
    bed.loop.until(() => server.closed !== undefined);
    expect(server.closed?.error).toBeDefined();
  });

  it('carries much, however slow the reader', () => {
    const { bed, answer, server } = switched();
    const piece = 'x'.repeat(10_000);
    answer.reads = false;
    let left = 400;
    const pour = (): boolean => {
      while (left > 0 && server.endpoint?.output.room(piece.length) === true) {
        server.write(piece);
        left -= 1;
      }
      return left === 0;
    };
    pour();
    bed.loop.pass(50);
    const before = answer.bytes;
    bed.loop.pass(50);
    // Windows are full, and nothing more came.
    expect(answer.bytes).toBe(before);
    answer.readOn();
    bed.loop.until(() => pour() && answer.bytes === 4_000_000, 20_000);
  });

  it('is not under the time of its route any more', () => {
    const { bed, answer, server } = switched({ action: { timeoutMs: 50 } });
    bed.loop.pass(120);
    say(answer, 'still here');
    bed.loop.until(() => server.text.endsWith('still here'));
  });

  it('is left alone until the deadline when the waypoint ends', () => {
    const { bed, answer, server } = switched();
    bed.drain(400);
    bed.loop.pass(100);
    say(answer, 'still here');
    bed.loop.until(() => server.text.endsWith('still here'));
    bed.loop.until(() => answer.reset !== undefined && server.closed !== undefined);
  });

  it('is copied to no mirror', () => {
    const { bed } = switched({ action: { mirrors: [{ cluster: clusterName(), perMillion: 1_000_000 }] } });
    bed.loop.pass(30);
    expect(bed.endpoint('cart-1').tunnels).toBe(1);
  });
});
