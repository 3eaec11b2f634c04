import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { application, type Raw, respond, type Seen } from './test-application.ts';
import { clusterName } from './test-models.ts';
import type { TestRoute } from './test-routes.ts';
import { start } from './test-start.ts';
import { ask, echoing, http2Client, saying, switching } from './test-upgrades.ts';

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

describe('whatever path an upgrade asks for', () => {
  const forward = { kind: 'forward', destinations: [{ cluster: clusterName() }] } as const;
  const marked = (value: string): NonNullable<TestRoute['requestHeaders']> => ({
    set: [{ name: 'x-route', value }],
    add: [],
    remove: [],
  });
  const routes: readonly TestRoute[] = [
    {
      name: 'admin',
      matches: [{ path: { kind: 'path-prefix', text: '/admin', ignoreCase: false } }],
      requestHeaders: marked('admin'),
      action: forward,
    },
    { name: 'rest', requestHeaders: marked('rest'), action: forward },
  ];
  const piece = fc.constantFrom(
    'admin',
    'Admin',
    '%61dmin',
    'x',
    '.',
    '..',
    '%2e%2e',
    '',
    'admin;a=b',
    '%2F',
    'a?b=/admin',
  );
  const path = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => `/${pieces.join('/')}`);

  it.each(['http1', 'http2'] as const)('the endpoint of %s gets the path by which it was routed', (protocol) => {
    const servers: Raw[] = [];
    const seen: Seen[] = [];
    const bed = start({
      protocol,
      routes,
      endpoints: { 'cart-1': protocol === 'http1' ? switching(servers) : echoing(seen) },
    });
    const received = (): readonly [string, string] => {
      if (protocol === 'http2') {
        const { fields = [] } = seen.pop() ?? {};
        return [fields[fields.indexOf(':path') + 1] ?? '', fields[fields.indexOf('x-route') + 1] ?? ''];
      }
      const text = servers.pop()?.text ?? '';
      return [/^GET (.*) HTTP/.exec(text)?.[1] ?? '', /x-route: (.*)\r\n/.exec(text)?.[1] ?? ''];
    };
    let client = http2Client(bed);
    fc.assert(
      fc.property(path, (asked) => {
        if (client.http.available === 0) client = http2Client(bed);
        const answer = ask(client, { ':path': asked });
        bed.loop.until(() => answer.head !== undefined);
        if (answer.status === 400) return;
        expect(answer.status).toBe(101);
        const [got, route] = received();
        const [judged = ''] = got.split('?');
        expect(judged).not.toMatch(/\/\.{1,2}(?:\/|$)/);
        expect([got, route]).toEqual([got, /^\/admin(?:\/|$)/.test(judged) ? 'admin' : 'rest']);
        answer.exchange?.reset(8);
      }),
      { numRuns: 80 },
    );
  });
});
