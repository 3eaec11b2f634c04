import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Answer, application, Client, Raw, raw, respond, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import type { TestRoute } from './test-routes.ts';
import { start } from './test-start.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

function proofOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** An application of HTTP/1 that agrees to any WebSocket, as RFC 6455 wants it, and notes its connections. */
function switching(servers: Raw[], proof: (key: string) => string = proofOf, more = ''): EndpointBehaviour {
  return (tunnel) => {
    const server = new Raw();
    servers.push(server);
    server.endpoint = tunnel.open([], server);
    server.onText = (): void => {
      if (!server.text.includes('\r\n\r\n')) return;
      server.onText = undefined;
      const key = /sec-websocket-key: (.*)\r\n/.exec(server.text)?.[1] ?? '';
      server.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          `Sec-WebSocket-Accept: ${proof(key)}\r\nSec-WebSocket-Protocol: chat\r\n\r\n${more}`,
      );
    };
  };
}

/** An application of HTTP/1 that answers every head with the same. */
function saying(answer: string, servers: Raw[] = []): EndpointBehaviour {
  return (tunnel) => {
    const server = new Raw();
    servers.push(server);
    server.endpoint = tunnel.open([], server);
    server.onText = (): void => {
      if (!server.text.endsWith('\r\n\r\n')) return;
      server.text = '';
      server.write(answer);
    };
  };
}

const ASK = { ':path': '/chat', 'sec-websocket-version': '13', upgrade: 'websocket' };

/** A client of HTTP/2 that knows what the waypoint offers. */
function http2Client(bed: TestWaypoint): Client {
  const client = new Client(bed, 'HTTP/2');
  bed.loop.until(() => client.http.upgrades !== undefined);
  return client;
}

function ask(client: Client, fields: Readonly<Record<string, string>> = {}): Answer {
  return client.send({ ...ASK, ...fields }, undefined, true);
}

function say(answer: Answer, text: string, last = false): void {
  const bytes = Buffer.from(text, 'latin1');
  if (answer.exchange?.sendData(bytes, 0, bytes.length, last) !== bytes.length) throw new Error('not taken at once');
}

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

describe('what a client of HTTP/2 asks to switch to', () => {
  it.each([
    ['refuses', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', 403, 'no'],
    ['redirects', 'HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n', 302, ''],
    ['fails', 'HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad', 500, 'bad'],
  ])('is answered as the endpoint says that %s', (_, said, status, body) => {
    const servers: Raw[] = [];
    const bed = start({ endpoints: { 'cart-1': saying(said, servers) } });
    const client = http2Client(bed);
    const answer = ask(client);
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([status, body]);
    // The connection to the endpoint goes on.
    const next = ask(client);
    bed.loop.until(() => next.settled);
    expect(servers).toHaveLength(1);
  });

  it('is answered with 501 when the endpoint answers as if nothing had been asked: a success would be the switch', () => {
    const bed = start({ endpoints: { 'cart-1': saying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') } });
    const answer = ask(http2Client(bed));
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(501);
    expect(bed.lines()[0]).toContain(' 501 UPE upgrade_not_accepted ');
  });

  it.each([
    ['a direct success', { action: { kind: 'direct-response', status: 200, body: 'hello' } }, 501],
    ['a direct refusal', { action: { kind: 'direct-response', status: 418, body: 'short' } }, 418],
    ['a redirect', { action: { kind: 'redirect' } }, 302],
    [
      'the field taken away',
      {
        requestHeaders: { set: [], add: [], remove: ['upgrade'] },
        action: { kind: 'forward', destinations: [{ cluster: clusterName() }] },
      },
      501,
    ],
  ] as readonly (readonly [string, TestRoute, number])[])('is, by a route with %s, no switch', (_, route, status) => {
    const bed = start({
      endpoints: { 'cart-1': application('HTTP/2', { onComplete: (seen) => respond(seen, 200, 'ok') }) },
      routes: [route],
    });
    const answer = ask(http2Client(bed));
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(status);
  });

  it('is answered with 501 and not with a success when it is a call of gRPC that cannot be routed', () => {
    const bed = start({ endpoints: { 'cart-1': switching([]) }, routes: [] });
    const answer = ask(http2Client(bed), { 'content-type': 'application/grpc' });
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(501);
  });

  it('is routed by what the endpoint receives: path, method and the field upgrade', () => {
    const servers: Raw[] = [];
    const forward = { kind: 'forward', destinations: [{ cluster: clusterName() }] } as const;
    const bed = start({
      endpoints: { 'cart-1': switching(servers) },
      routes: [
        {
          name: 'sockets',
          matches: [
            {
              path: { kind: 'exact', text: '/chat', ignoreCase: false },
              method: { kind: 'exact', text: 'GET', ignoreCase: false },
              headers: [{ name: 'upgrade', value: { kind: 'exact', text: 'websocket', ignoreCase: false } }],
            },
          ],
          requestHeaders: { set: [{ name: 'x-route', value: 'sockets' }], add: [], remove: [] },
          action: forward,
        },
      ],
    });
    const client = http2Client(bed);
    const answers = ['/chat', '/x/../chat', '/%63hat'].map((path) => ask(client, { ':path': path }));
    bed.loop.until(() => answers.every(({ head }) => head !== undefined));
    expect(answers.map(({ status }) => status)).toEqual([101, 101, 101]);
    for (const { text } of servers) {
      expect(text).toMatch(/^GET \/chat HTTP\/1.1\r\n/);
      expect(text).toContain('x-route: sockets\r\n');
    }
    const plain = client.send({ ':path': '/chat' });
    bed.loop.until(() => plain.settled);
    expect(plain.status).toBe(404);
  });
});

/** An application of HTTP/2 that agrees to every upgrade, says back what it hears, and ends when the client does. */
function echoing(seen: Seen[]): EndpointBehaviour {
  return application('HTTP/2', {
    onRequest: (one) => {
      seen.push(one);
      const { exchange } = one;
      exchange.respond([':status', '101', 'upgrade', exchange.upgrade ?? ''], false);
      exchange.receiver = {
        onData: (bytes, start, end, last) => {
          one.body += bytes.toString('latin1', start, end);
          exchange.sendData(bytes, start, end, last);
          exchange.release(end - start);
        },
        onTrailers: () => undefined,
        onReset: (reset) => {
          one.reset = reset;
        },
        onWritable: () => undefined,
      };
    },
  });
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HTTP1_ASK =
  'GET /chat HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n' +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;

describe('a WebSocket at an endpoint of HTTP/2', () => {
  it('is asked for by CONNECT when a client of HTTP/1 wants it, which gets its proof', () => {
    const seen: Seen[] = [];
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': echoing(seen) } });
    const client = raw(bed);
    client.write(HTTP1_ASK);
    bed.loop.until(() => client.text.includes('\r\n\r\n'));
    expect(client.text).toMatch(/^HTTP\/1.1 101 /);
    expect(client.text).toContain('sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    expect(client.text).toContain('upgrade: websocket\r\n');
    expect(seen[0]?.exchange.upgrade).toBe('websocket');
    expect(seen[0]?.fields).not.toContain('sec-websocket-key');
    expect(seen[0]?.fields).toContain('sec-websocket-version');
    client.write('hello');
    bed.loop.until(() => client.text.endsWith('\r\n\r\nhello'));
    client.endpoint?.endOutput();
    bed.loop.until(() => client.ended && client.closed !== undefined);
    expect([seen[0]?.body, client.closed?.error]).toEqual(['hello', undefined]);
    expect(bed.lines()[0]).toContain('"GET /chat HTTP/1.1" 101 - via_upstream');
  });

  it.each(['http2', 'auto'] as const)('goes through from a client of HTTP/2 on a port declared %s', (protocol) => {
    const seen: Seen[] = [];
    const bed = start({ protocol, endpoints: { 'cart-1': echoing(seen) } });
    const answer = ask(http2Client(bed));
    bed.loop.until(() => answer.status === 101);
    say(answer, 'hello', true);
    bed.loop.until(() => answer.complete);
    expect(answer.body).toBe('hello');
    expect(answer.field('sec-websocket-accept')).toBeUndefined();
  });

  it('is reset as it was reset by either', () => {
    const seen: Seen[] = [];
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': echoing(seen) } });
    const client = http2Client(bed);
    const answers = [ask(client), ask(client)];
    bed.loop.until(() => answers.every(({ status }) => status === 101));
    answers[0]?.exchange?.reset(8);
    bed.loop.until(() => seen.some(({ reset }) => reset?.errorCode === 8));
    for (const { exchange } of seen) exchange.reset(8);
    bed.loop.until(() => answers[1]?.reset?.errorCode === 8);
  });

  it.each(['HTTP/1.1', 'HTTP/2'] as const)(
    'is refused a client of %s when the endpoint does not offer it',
    (version) => {
      const seen: Seen[] = [];
      const bed = start({
        protocol: 'http2',
        endpoints: { 'cart-1': application('HTTP/2', { upgrades: false, onRequest: (one) => seen.push(one) }) },
      });
      if (version === 'HTTP/2') {
        const answer = ask(http2Client(bed));
        bed.loop.until(() => answer.settled);
        expect(answer.status).toBe(501);
      } else {
        const client = raw(bed);
        client.write(HTTP1_ASK);
        bed.loop.until(() => client.text.startsWith('HTTP/1.1 501 '));
      }
      expect(seen).toEqual([]);
      expect(bed.lines()[0]).toContain(' 501 UPE upgrade_not_offered ');
    },
  );

  it.each([
    ['another method', HTTP1_ASK.replace('GET', 'POST'), 501],
    ['no key', HTTP1_ASK.replace(`Sec-WebSocket-Key: ${KEY}\r\n`, ''), 400],
  ])('is refused a client of HTTP/1 with %s', (_, text, status) => {
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': echoing([]) } });
    const client = raw(bed);
    client.write(text);
    bed.loop.until(() => client.text.startsWith(`HTTP/1.1 ${status} `));
  });

  it('of which nothing is heard is a connection that does not come about', () => {
    const silent: EndpointBehaviour = (tunnel) => {
      const server = new Raw();
      server.endpoint = tunnel.open([], server);
    };
    const bed = start({ protocol: 'http2', connectTimeoutMs: 80, endpoints: { 'cart-1': silent } });
    const answer = ask(http2Client(bed));
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(503);
    expect(bed.lines()[0]).toContain(' 503 UF ');
  });

  it('that ends before it says what it offers is a connection that does not come about', () => {
    const ending: EndpointBehaviour = (tunnel) => {
      const server = new Raw();
      server.endpoint = tunnel.open([], server);
      server.onText = (): void => server.endpoint?.end();
    };
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': ending } });
    const answer = ask(http2Client(bed));
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(503);
  });
});
