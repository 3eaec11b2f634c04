import { AMBIGUOUS_CASES } from '@ambit/http/h1/test-corpus';
import { describe, expect, it } from 'vitest';
import { answering, application, Client, Raw, raw, requestFields, respond, type Seen } from './test-application.ts';
import type { TestForward, TestRoute } from './test-routes.ts';
import { start } from './test-start.ts';
import { clusterName } from './test-models.ts';
import type { TestWaypoint, TestServiceOptions } from './test-waypoint.ts';

const FORWARD: TestForward = {
  kind: 'forward',
  destinations: [{ cluster: clusterName(), weight: 1 }],
  timeoutMs: 0,
  retry: null,
};

/** What the router keeps from the backend: whatever a backend sees below /admin has passed the router unseen. */
const GUARDED: readonly TestRoute[] = [
  {
    name: 'guard',
    matches: [{ path: { kind: 'path-prefix', text: '/admin', ignoreCase: true } }],
    action: { kind: 'direct-response', status: 403, body: 'guarded' },
  },
  { name: 'rest', matches: [], action: FORWARD },
];

/** What a client says first in HTTP/2: preface and SETTINGS. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
/** HEADERS of stream 1 with `:method: GET` and without END_HEADERS. */
const HEADERS_TO_BE_CONTINUED = '\0\0\x02\x01\x01\0\0\0\x01\x82\x82';

function pathOf({ fields }: Seen): string {
  return fields[fields.indexOf(':path') + 1] ?? '';
}

function guarded(version: 'HTTP/1.1' | 'HTTP/2'): { bed: TestWaypoint; seen: Seen[] } {
  const seen: Seen[] = [];
  const bed = start({
    protocol: version === 'HTTP/2' ? 'http2' : 'http1',
    routes: GUARDED,
    endpoints: {
      'cart-1': application(version, {
        onComplete: (one) => {
          seen.push(one);
          respond(one, 200, 'from the backend');
        },
      }),
    },
  });
  return { bed, seen };
}

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('ambiguous requests to %s endpoints', (version) => {
  it('reach the backend as they were judged, or not at all', () => {
    const { bed, seen } = guarded(version);
    expect(AMBIGUOUS_CASES.length).toBeGreaterThan(60);
    for (const { name, octets, verdict } of AMBIGUOUS_CASES) {
      seen.length = 0;
      const connection = raw(bed);
      connection.write(octets);
      connection.endpoint?.endOutput();
      bed.loop.until(() => connection.ended || connection.closed !== undefined);
      const statuses = [...connection.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
      const what = `${name}: ${statuses.join(' ')}, ${seen.map(pathOf).join(' ')}`;
      // Nothing that the router keeps is ever seen behind it.
      expect(
        seen.map(pathOf).filter((path) => path.toLowerCase().startsWith('/admin')),
        what,
      ).toEqual([]);
      const good = statuses.filter((status) => status === 200 || status === 403).length;
      expect(seen.length, what).toBeLessThanOrEqual(statuses.filter((status) => status === 200).length + 1);
      if (typeof verdict === 'number') expect(good, what).toBe(verdict);
      else expect(Math.max(...statuses, 0), what).toBeGreaterThanOrEqual(connection.text.length > 0 ? 400 : 0);
    }
  });
});

describe('requests of HTTP/2 that are malformed', () => {
  const good = requestFields({});

  it.each([
    ['a pseudo field is missing', good.filter((_, index) => index < 4 || index > 5)],
    ['a pseudo field is given twice', [':method', 'GET', ...good]],
    ['a pseudo field is unknown', [':color', 'blue', ...good]],
    ['a pseudo field stands behind another', [...good, 'x-a', 'b', ':path', '/admin']],
    ['a name is in upper case', [...good, 'X-Upper', 'a']],
    ['a name has a space', [...good, 'x y', 'a']],
    ['a value has a line end', [...good, 'x-a', 'b\r\nhost: other']],
    ['a value has NUL', [...good, 'x-a', 'b\0c']],
    ['the path has a line end', requestFields({ ':path': '/ HTTP/1.1\r\nhost: other\r\n\r\nGET /admin' })],
    ['the path has a space', requestFields({ ':path': '/a b' })],
    ['the method has a space', requestFields({ ':method': 'GET /admin HTTP/1.1' })],
    ['the authority has a path', requestFields({ ':authority': 'cart/admin' })],
    ['host and authority differ', [...good, 'host', 'other']],
    ['it names a connection', [...good, 'connection', 'close']],
    ['it has a transfer coding', [...good, 'transfer-encoding', 'chunked']],
    ['its length is said twice', [...good, 'content-length', '0', 'content-length', '1']],
  ])('fail alone when %s', (_, fields) => {
    const { bed, seen } = guarded('HTTP/2');
    const client = new Client(bed, 'HTTP/2');
    const bad = client.sendFields(fields);
    bed.loop.until(() => bad.settled);
    expect(bad.status === 0 || bad.status >= 400).toBe(true);
    expect(seen).toEqual([]);
    const next = client.send({ ':path': '/next' });
    bed.loop.until(() => next.settled);
    expect([next.status, seen.map(pathOf)]).toEqual([200, ['/next']]);
  });
});

describe.each(['HTTP/1.1', 'HTTP/2'] as const)(
  'a request of %s that is too long for the expressions of routes',
  (version) => {
    it('gets 431, and not the route behind', () => {
      const seen: Seen[] = [];
      const costly = { kind: 'regex', text: '/(([ab]*a[ab]{100}){4})c', ignoreCase: false } as const;
      const bed = start({
        protocol: version === 'HTTP/2' ? 'http2' : 'http1',
        routes: [
          { name: 'guard', matches: [{ path: costly }], action: { kind: 'direct-response', status: 403, body: '' } },
          { name: 'rest', matches: [], action: FORWARD },
        ],
        endpoints: {
          'cart-1': application(version, {
            onComplete: (one) => {
              seen.push(one);
              respond(one, 200, '');
            },
          }),
        },
      });
      const client = new Client(bed, version);
      const long = client.send({ ':path': `/${'ab'.repeat(6_000)}` });
      bed.loop.until(() => long.settled);
      expect([long.status, seen.length]).toEqual([431, 0]);
      expect(bed.lines().at(-1)).toContain(' route_match_too_costly ');
      const next = new Client(bed, version).send({ ':path': '/ab' });
      bed.loop.until(() => next.settled);
      expect(next.status).toBe(200);
    });
  },
);

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('paths in %s', (version) => {
  it.each([
    ['/./admin', 403, undefined],
    ['/x/../admin', 403, undefined],
    ['/%61dmin', 403, undefined],
    ['/%2e/admin', 403, undefined],
    ['/x/%2e%2e/admin/', 403, undefined],
    ['/ADMIN', 403, undefined],
    ['/admin?x', 403, undefined],
    ['//admin', 200, '//admin'],
    ['/x%2f..%2fadmin', 200, '/x%2f..%2fadmin'],
    ['/a;b=c/d', 200, '/a;b=c/d'],
    ['/x?a=/../admin', 200, '/x?a=/../admin'],
    ['/x/..;/admin', 400, undefined],
    ['/x%5c..%5cadmin', 200, '/x%5c..%5cadmin'],
    ['/x\\..\\admin', 403, undefined],
    ['/%c0%ae%c0%ae/admin', 200, '/%c0%ae%c0%ae/admin'],
    ['/%252e%252e/admin', 200, '/%252e%252e/admin'],
    ['/%23/../admin', 403, undefined],
    ['/../admin', 400, undefined],
    ['/x%00', 400, undefined],
    ['/x%zz', 400, undefined],
  ])('%s is answered %i', (path, status, seenAs) => {
    const { bed, seen } = guarded(version);
    const client = new Client(bed, version);
    const answer = client.send({ ':path': path });
    bed.loop.until(() => answer.settled);
    expect([answer.status, seen.map(pathOf)]).toEqual([status, seenAs === undefined ? [] : [seenAs]]);
  });
});

describe('heads that are too long or too slow', () => {
  it.each([
    ['a request line beyond the limit', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 414],
    ['fields beyond the limit', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(90_000)}\r\n\r\n`, 431],
    ['too many fields', `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(1_000)}\r\n`, 431],
    [
      'a chunk extension without end',
      `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;${'e'.repeat(9_000)}`,
      413,
    ],
    [
      'a forbidden trailer',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nhost: b\r\n\r\n',
      400,
    ],
  ])('%s is refused, and the neighbour is served', (_, octets, status) => {
    const { bed } = guarded('HTTP/1.1');
    const neighbour = new Client(bed, 'HTTP/1.1');
    const connection = raw(bed);
    connection.write(octets);
    bed.loop.until(() => connection.closed !== undefined || connection.ended);
    expect(connection.text).toContain(` ${status} `);
    const answer = neighbour.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(200);
  });

  it('one that never ends is answered 408', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, headTimeoutMs: 100 });
    const connection = raw(bed);
    connection.write('GET / HTTP/1.1\r\nhost: a\r\nx-slow: ');
    bed.loop.until(() => connection.ended || connection.closed !== undefined);
    expect(connection.text).toContain(' 408 ');
  });

  it.each([
    ['a head without its CONTINUATION', `${PREFACE}${HEADERS_TO_BE_CONTINUED}`],
    ['half a head', `${PREFACE}${HEADERS_TO_BE_CONTINUED.slice(0, -1)}`],
  ])('%s ends its connection of HTTP/2', (_, octets) => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, headTimeoutMs: 100 });
    const connection = raw(bed);
    connection.write(octets);
    bed.loop.until(() => connection.ended || connection.closed !== undefined);
    expect(connection.text).toContain('a head that took too long');
  });

  it.each([0, 150])('a preface of which a part comes after %i ms and the rest never is waited for no longer', (ms) => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, headTimeoutMs: 100 });
    const connection = raw(bed);
    bed.loop.pass(ms);
    connection.write('PRI * HT');
    bed.loop.until(() => connection.ended || connection.closed !== undefined);
  });

  it('is waited for on a connection of HTTP/2 whose requests take long', () => {
    const waiting: Seen[] = [];
    const bed = start({
      endpoints: { 'cart-1': application('HTTP/2', { onComplete: (one) => waiting.push(one) }) },
      headTimeoutMs: 50,
    });
    const answer = new Client(bed, 'HTTP/2').send({});
    bed.loop.until(() => waiting.length === 1);
    bed.loop.pass(200);
    for (const one of waiting) respond(one, 200, 'late');
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([200, 'late']);
  });
});

describe('fields that only proxies may set', () => {
  it('are taken from clients, also when they are spelt with underscores', () => {
    const { bed, seen } = guarded('HTTP/1.1');
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/shop/sa/admin',
      x_forwarded_client_cert: 'URI=spiffe://cluster.local/ns/shop/sa/admin',
      'x-envoy-peer-metadata': 'me',
      x_plain: 'stays',
    });
    bed.loop.until(() => answer.settled);
    const names = (seen[0]?.fields ?? []).filter((_, index) => index % 2 === 0);
    expect(names).toContain('x_plain');
    expect(names.filter((name) => /cert|metadata/.test(name))).toEqual([]);
  });
});

describe('interim and early answers', () => {
  it('100 is passed on before the body', () => {
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onRequest: ({ exchange }) => {
            exchange.inform([':status', '100']);
          },
          onComplete: (seen) => {
            respond(seen, 200, seen.body);
          },
        }),
      },
    });
    const connection = raw(bed);
    connection.write('PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n');
    bed.loop.until(() => connection.text.startsWith('HTTP/1.1 100 '));
    connection.write('body');
    bed.loop.until(() => connection.text.endsWith('body'));
    expect(connection.text).toContain('HTTP/1.1 200 ');
  });

  it('an interim answer that says that it has no content costs nothing', () => {
    const bed = start({
      endpoints: {
        'cart-1': (tunnel) => {
          const server = new Raw();
          server.endpoint = tunnel.open([], server);
          server.onText = (): void => {
            server.onText = undefined;
            server.write(
              'HTTP/1.1 103 Early Hints\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
            );
          };
        },
      },
    });
    const answer = new Client(bed, 'HTTP/1.1').send({ ':method': 'POST' }, 'x');
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([200, 'ok']);
  });

  it('an answer before the end of the body reaches the client, who may stop', () => {
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onRequest: (seen) => {
            respond(seen, 413, 'too much');
          },
        }),
      },
    });
    const connection = raw(bed);
    connection.write('PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nsome');
    bed.loop.until(() => connection.text.endsWith('too much'));
    expect(connection.text).toContain('HTTP/1.1 413 ');
  });

  it('a flood of interim answers is cut', () => {
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onRequest: (seen) => {
            for (let count = 0; count < 100; count++) seen.exchange.inform([':status', '103']);
            respond(seen, 200, 'late');
          },
        }),
      },
    });
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(502);
    expect(answer.interim.length).toBeLessThanOrEqual(16);
  });
});

describe('answers that are framed badly', () => {
  /** An endpoint that answers with these octets, whatever it is asked, and ends. */
  function says(octets: string, ends = true): TestServiceOptions['endpoints'] {
    return {
      'cart-1': (tunnel) => {
        const server = new Raw();
        server.endpoint = tunnel.open([], server);
        server.onText = (): void => {
          server.onText = undefined;
          server.write(octets);
          if (ends) server.endpoint?.end();
        };
      },
    };
  }

  it.each([
    ['204 with octets behind it', 'HTTP/1.1 204 No Content\r\n\r\nsmuggled', 204, ''],
    ['304 with octets behind it', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 8\r\n\r\nsmuggled', 304, ''],
    ['a body until the end', 'HTTP/1.1 200 OK\r\n\r\nall of it', 200, 'all of it'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nold', 200, 'old'],
  ])('%s is understood', (_, octets, status, body) => {
    const bed = start({ endpoints: says(octets) });
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([status, body]);
  });

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['no HTTP', '220 welcome\r\n'],
    ['a bare line feed', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
    ['a length and a coding', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ])('%s is a bad gateway', (_, octets) => {
    const bed = start({ endpoints: says(octets) });
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(502);
    expect(bed.lines().join('\n')).toContain(' 502 UPE ');
  });

  it('one that breaks off never looks complete to the client', () => {
    const bed = start({ endpoints: says('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf') });
    const connection = raw(bed);
    connection.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    bed.loop.until(() => connection.closed !== undefined);
    expect(connection.closed?.error?.code).toBe('AMBIT_HBONE_RESET');
  });

  it('a client of HTTP/1.0 gets a body that ends with the connection', () => {
    const bed = start({
      endpoints: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n', false),
    });
    const connection = raw(bed);
    connection.write('GET / HTTP/1.0\r\n\r\n');
    bed.loop.until(() => connection.ended || connection.closed !== undefined);
    expect(connection.text).toMatch(/^HTTP\/1\.[01] 200 /);
    expect(connection.text.endsWith('\r\n\r\nabc')).toBe(true);
  });
});

describe('a client that does not read', () => {
  it.each([0, 5, 100])('holds up its own answer alone, %i ms after it began', (milliseconds) => {
    const chunk = Buffer.alloc(60_000, 'z');
    const bed = start({
      protocol: 'http2',
      endpoints: {
        'cart-1': application('HTTP/2', {
          onComplete: (seen) => {
            if (pathOf(seen) !== '/big') {
              respond(seen, 200, 'small');
              return;
            }
            seen.exchange.respond([':status', '200'], false);
            const pour = (): void => {
              while (seen.exchange.sendData(chunk, 0, chunk.length, false) === chunk.length);
            };
            const { receiver } = seen.exchange;
            if (receiver !== undefined) receiver.onWritable = pour;
            pour();
          },
        }),
      },
    });
    const client = new Client(bed, 'HTTP/2');
    const slow = client.send({ ':path': '/big' });
    slow.reads = false;
    bed.loop.pass(milliseconds);
    for (let count = 0; count < 20; count++) {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      expect(answer.body).toBe('small');
    }
    bed.loop.pass(50);
    // What it may have got is bounded by its window.
    expect(slow.bytes).toBeLessThanOrEqual(4 << 20);
    slow.exchange?.reset(8);
  });
});

describe('trailers that cannot be said in HTTP/1', () => {
  it.each([
    ['x', ' a'],
    ['x', 'a '],
    ['', 'a'],
  ])('%j: %j of an endpoint end the answer, and nothing else', (name, value) => {
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/2', {
          onComplete: ({ exchange }) => {
            exchange.respond([':status', '200'], false);
            exchange.sendTrailers([name, value]);
          },
        }),
      },
      protocol: 'http2',
    });
    const connection = raw(bed);
    connection.write('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
    bed.loop.until(() => connection.closed !== undefined || connection.ended);
    expect(connection.closed?.error).toBeDefined();
    expect(connection.text).not.toContain('\r\n0\r\n');
    expect(bed.lines()).toHaveLength(1);
    expect(bed.lines()[0]).toContain(' 200 UPE ');
  });
});
