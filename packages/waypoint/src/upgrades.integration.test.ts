import { describe, expect, it } from 'vitest';
import { Client, Raw, raw } from './test-application.ts';
import { start } from './test-start.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

const ASK =
  'GET /chat HTTP/1.1\r\nHost: cart\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** An application that answers the first head with `answer` and notes its connections. */
function switching(servers: Raw[], answer = SWITCH): EndpointBehaviour {
  return (tunnel) => {
    const server = new Raw();
    servers.push(server);
    server.endpoint = tunnel.open([], server);
    server.onText = (): void => {
      if (!server.text.includes('\r\n\r\n')) return;
      server.onText = undefined;
      server.write(answer);
    };
  };
}

/** Both ends of a connection that has switched. */
function switched(options: Partial<TestServiceOptions> = {}): { bed: TestWaypoint; client: Raw; server: Raw } {
  const servers: Raw[] = [];
  const bed = start({ endpoints: { 'cart-1': switching(servers) }, ...options });
  const client = raw(bed);
  client.write(ASK);
  bed.loop.until(() => client.text.includes('\r\n\r\n'));
  // On a port of undeclared protocol one may have been connected in case that it speaks first.
  const server = servers.find(({ text }) => text.length > 0);
  if (server === undefined) throw new Error('no server');
  return { bed, client, server };
}

describe.each(['http1', 'auto'] as const)('an upgrade on a port declared %s', (protocol) => {
  it('goes through, and then bytes do, both ways', () => {
    const { bed, client, server } = switched({ protocol });
    expect(client.text).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    expect(client.text.toLowerCase()).toContain('connection: upgrade\r\n');
    expect(client.text).toContain('sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    expect(server.text).toMatch(/^GET \/chat HTTP\/1.1\r\n/);
    expect(server.text).toContain('upgrade: websocket\r\n');
    expect(server.text).toContain('connection: upgrade\r\n');
    expect(server.text).not.toContain('chunked');
    expect(server.text).toContain('sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n');
    client.write('\x81\x05hello GET / HTTP/1.1\r\n\r\n');
    bed.loop.until(() => server.text.endsWith('\r\n\r\n\x81\x05hello GET / HTTP/1.1\r\n\r\n'));
    server.write('0\r\n\r\nworld');
    bed.loop.until(() => client.text.endsWith('\r\n\r\n0\r\n\r\nworld'));
  });
});

describe('a connection that has switched', () => {
  it('has what the client sent ahead, behind the head', () => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': switching(servers) } });
    const client = raw(bed);
    client.write(`${ASK}early`);
    bed.loop.until(() => servers[0]?.text.endsWith('\r\n\r\nearly') === true);
    client.write(' and late');
    bed.loop.until(() => servers[0]?.text.endsWith('early and late') === true);
  });

  it('has what the server sent with its answer', () => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': switching(servers, `${SWITCH}welcome`) } });
    const client = raw(bed);
    client.write(ASK);
    bed.loop.until(() => client.text.endsWith('\r\n\r\nwelcome'));
  });

  it('ends at the client, and the server may go on', () => {
    const { bed, client, server } = switched();
    client.endpoint?.endOutput();
    bed.loop.until(() => server.ended);
    server.write('the rest');
    bed.loop.until(() => client.text.endsWith('the rest'));
    expect(client.ended).toBe(false);
    server.endpoint?.endOutput();
    bed.loop.until(() => client.closed !== undefined && server.closed !== undefined);
    expect([client.closed?.error, server.closed?.error]).toEqual([undefined, undefined]);
    expect(bed.lines()).toHaveLength(1);
    expect(bed.lines()[0]).toContain('"GET /chat HTTP/1.1" 101 - via_upstream');
  });

  it('ends at the server, and the client may go on', () => {
    const { bed, client, server } = switched();
    server.write('bye');
    server.endpoint?.endOutput();
    bed.loop.until(() => client.ended);
    expect(client.text.endsWith('bye')).toBe(true);
    client.write('so long');
    bed.loop.until(() => server.text.endsWith('so long'));
    client.endpoint?.endOutput();
    bed.loop.until(() => client.closed !== undefined && server.closed !== undefined);
    expect([client.closed?.error, server.closed?.error]).toEqual([undefined, undefined]);
    expect(bed.lines()).toHaveLength(1);
  });

  it('that ended before it switched ends afterwards', () => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': switching(servers, '') } });
    const client = raw(bed);
    client.write(ASK);
    client.endpoint?.endOutput();
    bed.loop.until(() => servers[0]?.text.includes('\r\n\r\n') === true);
    bed.loop.pass(20);
    servers[0]?.write(SWITCH);
    bed.loop.until(() => servers[0]?.ended === true);
    servers[0]?.write('heard');
    bed.loop.until(() => client.text.endsWith('heard'));
  });

  it.each(['client', 'server'] as const)('is reset when the %s resets', (side) => {
    const ends = switched();
    ends[side].endpoint?.destroy(undefined, true);
    const other = side === 'client' ? ends.server : ends.client;
    ends.bed.loop.until(() => other.closed !== undefined);
    expect(other.closed?.error).toBeDefined();
    expect(ends.bed.lines()).toHaveLength(1);
  });

  it('carries much, however slow the reader', () => {
    const { bed, client, server } = switched();
    const piece = 'x'.repeat(10_000);
    const before = client.text.length;
    client.endpoint?.pauseReading();
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
    client.endpoint?.resumeReading();
    bed.loop.until(() => pour() && client.text.length === before + 4_000_000, 20_000);
  });

  it('is not under the time of its route any more', () => {
    const { bed, client, server } = switched({ action: { timeoutMs: 50 } });
    bed.loop.pass(120);
    client.write('still here');
    bed.loop.until(() => server.text.endsWith('still here'));
  });

  it('is left alone until the deadline when the waypoint ends', () => {
    const { bed, client, server } = switched();
    bed.drain(400);
    bed.loop.pass(100);
    client.write('still here');
    bed.loop.until(() => server.text.endsWith('still here'));
    bed.loop.until(() => client.closed !== undefined && server.closed !== undefined);
  });
});

describe('an upgrade that does not come about', () => {
  it.each([
    ['is refused', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', /^HTTP\/1.1 403 [\s\S]*\r\n\r\nno$/],
    ['is ignored', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1.1 200 [\s\S]*\r\n\r\nok$/],
  ])('because it %s leaves the connection to further requests', (_, answer, expected) => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': switching(servers, answer) } });
    const client = raw(bed);
    client.write(ASK);
    bed.loop.until(() => expected.test(client.text));
    const [server] = servers;
    const before = server?.text.length ?? 0;
    client.text = '';
    client.write('GET /next HTTP/1.1\r\nHost: cart\r\n\r\n');
    // On the same connection to the endpoint.
    bed.loop.until(() => server?.text.slice(before).startsWith('GET /next HTTP/1.1') === true);
    server?.write('HTTP/1.1 204 No Content\r\n\r\n');
    bed.loop.until(() => client.text.startsWith('HTTP/1.1 204'));
  });

  it('because nobody answers is answered when the time of the route is over', () => {
    const bed = start({ endpoints: { 'cart-1': switching([], '') }, action: { timeoutMs: 50 } });
    const client = raw(bed);
    client.write(ASK);
    bed.loop.until(() => client.text.startsWith('HTTP/1.1 504'));
  });

  it.each([
    ['to what was not asked for', SWITCH.replace('Upgrade: websocket', 'Upgrade: other')],
    ['to nothing', SWITCH.replace('Upgrade: websocket\r\n', '')],
    ['without saying so in Connection', SWITCH.replace('Connection: Upgrade\r\n', '')],
  ])('because the endpoint switches %s is a broken answer', (_, answer) => {
    const bed = start({ endpoints: { 'cart-1': switching([], answer) } });
    const client = raw(bed);
    client.write(ASK);
    bed.loop.until(() => client.text.startsWith('HTTP/1.1 50'));
    expect(client.text).toMatch(/^HTTP\/1.1 50[23] /);
  });

  it('because nobody asked for it is a broken answer', () => {
    const bed = start({ endpoints: { 'cart-1': switching([], SWITCH) } });
    const client = raw(bed);
    client.write('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
    bed.loop.until(() => client.text.startsWith('HTTP/1.1 50'));
  });

  it.each([
    ['to HTTP/2', ASK.replace('Upgrade: websocket', 'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__')],
    ['to TLS', ASK.replace('Upgrade: websocket', 'Upgrade: TLS/1.2')],
    ['that Connection does not name', ASK.replace('keep-alive, Upgrade', 'keep-alive')],
    ['of HTTP/1.0', ASK.replace('HTTP/1.1', 'HTTP/1.0')],
    ['with content', ASK.replace('\r\n\r\n', '\r\nContent-Length: 2\r\n\r\nab')],
  ])('because one %s is not passed on', (_, ask) => {
    const servers: Raw[] = [];
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const bed = start({ endpoints: { 'cart-1': switching(servers, answer) } });
    const client = raw(bed);
    client.write(ask);
    bed.loop.until(() => client.text.endsWith('\r\n\r\nok'));
    expect(servers[0]?.text.toLowerCase()).not.toContain('upgrade');
    expect(servers[0]?.text.toLowerCase()).not.toContain('http2-settings');
  });
});

describe('routes', () => {
  it('may ask for the field, and take it away', () => {
    const servers: Raw[] = [];
    const plain = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const destinations = [{ cluster: clusterName() }];
    const bed = start({
      endpoints: { 'cart-1': switching(servers, plain) },
      routes: [
        {
          matches: [{ headers: [{ name: 'upgrade', value: { kind: 'exact', text: 'websocket', ignoreCase: false } }] }],
          requestHeaders: { set: [], add: [], remove: ['upgrade'] },
          action: { kind: 'forward', destinations },
        },
      ],
    });
    const client = raw(bed);
    client.write(ASK);
    bed.loop.until(() => client.text.endsWith('\r\n\r\nok'));
    expect(servers[0]?.text).not.toContain('upgrade');
    expect(servers[0]?.text).not.toContain('chunked');
    client.write('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
    bed.loop.until(() => client.text.includes('HTTP/1.1 404'));
  });

  it('that have mirrors copy no upgrade', () => {
    const mirrors = [{ cluster: clusterName(), perMillion: 1_000_000 }];
    const { bed } = switched({ action: { mirrors } });
    bed.loop.pass(30);
    expect(bed.endpoint('cart-1').tunnels).toBe(1);
  });
});

it('the field upgrade of a client of HTTP/2 is malformed', () => {
  const bed = start({ endpoints: { 'cart-1': switching([]) } });
  const client = new Client(bed, 'HTTP/2');
  const answer = client.send({ upgrade: 'websocket' });
  bed.loop.until(() => answer.settled);
  expect(answer.status === 400 || answer.reset !== undefined).toBe(true);
});
