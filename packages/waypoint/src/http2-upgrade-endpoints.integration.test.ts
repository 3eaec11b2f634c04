import { describe, expect, it } from 'vitest';
import { application, Raw, raw, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { start } from './test-start.ts';
import { ask, echoing, http2Client, say } from './test-upgrades.ts';

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
