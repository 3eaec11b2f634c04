import { describe, expect, it } from 'vitest';
import { answering, application, Client, Raw, raw, respond, type Seen } from './test-application.ts';
import type { TestForward } from './test-routes.ts';
import { start } from './test-start.ts';
import { clusterName, serviceModel } from './test-models.ts';
import { VIP } from './test-waypoint.ts';

const VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;
const PAIRS = VERSIONS.flatMap((down) => VERSIONS.map((up) => ({ down, up })));

/** An HTTP/1 port is spoken to as the client speaks; only a port of HTTP/2 makes both differ. */
function protocolFor(down: string, up: string): 'http1' | 'http2' | undefined {
  if (up === 'HTTP/2') return 'http2';
  return down === 'HTTP/1.1' ? 'http1' : undefined;
}

describe.each(PAIRS.filter(({ down, up }) => protocolFor(down, up) !== undefined))(
  'requests of $down clients to $up endpoints',
  ({ down, up }) => {
    const protocol = protocolFor(down, up) ?? 'http1';

    it('go through with path, fields, bodies and trailers, both ways', () => {
      const bed = start({
        protocol,
        endpoints: {
          'cart-1': application(up, {
            onComplete: (seen) => {
              const text = JSON.stringify({ path: seen.fields, body: seen.body });
              seen.exchange.respond([':status', '200', 'x-served-by', seen.endpoint, 'trailer', 'x-sum'], false);
              const bytes = Buffer.from(text, 'latin1');
              seen.exchange.sendData(bytes, 0, bytes.length, false);
              seen.exchange.sendTrailers(['x-sum', '42']);
            },
          }),
        },
      });
      const client = new Client(bed, down);
      const answer = client.send({ ':method': 'POST', ':path': '/a/../b?q=1', 'x-color': 'blue' }, 'the body');
      bed.loop.until(() => answer.settled);
      expect(answer.reset).toBeUndefined();
      expect([answer.status, answer.field('x-served-by')]).toEqual([200, 'cart-1']);
      const seen = JSON.parse(answer.body) as { path: string[]; body: string };
      expect(seen.body).toBe('the body');
      expect(seen.path).toContain('/b?q=1');
      expect(seen.path).toContain('blue');
      expect(seen.path).toContain('x-request-id');
      expect(answer.trailers).toEqual(['x-sum', '42']);
      expect(answer.field('x-envoy-upstream-service-time')).toMatch(/^\d+$/);
    });

    it('use the same connections again', () => {
      const bed = start({ protocol, endpoints: { 'cart-1': answering(up, 200, 'hello') } });
      const client = new Client(bed, down);
      for (let count = 0; count < 5; count++) {
        const answer = client.send({});
        bed.loop.until(() => answer.settled);
        expect([answer.status, answer.body]).toEqual([200, 'hello']);
      }
      expect(bed.endpoint('cart-1').tunnels).toBe(1);
    });

    it('carry large bodies unchanged, however slow the reader', () => {
      const big = 'x'.repeat(50_000);
      const bed = start({
        protocol,
        endpoints: {
          'cart-1': application(up, {
            onComplete: (seen) => {
              seen.exchange.respond([':status', '200', 'x-got', String(seen.bytes)], false);
              let left = 40;
              const bytes = Buffer.from(big);
              let at = 0;
              const pour = (): void => {
                while (left > 0) {
                  at += seen.exchange.sendData(bytes, at, bytes.length, left === 1);
                  if (at < bytes.length) return;
                  at = 0;
                  left -= 1;
                }
              };
              const receiver = seen.exchange.receiver;
              if (receiver !== undefined) receiver.onWritable = pour;
              pour();
            },
          }),
        },
      });
      const client = new Client(bed, down);
      const answer = client.send({ ':method': 'PUT' }, 'y'.repeat(60_000));
      answer.reads = false;
      bed.loop.until(() => answer.head !== undefined);
      bed.loop.pass(50);
      answer.readOn();
      bed.loop.until(() => answer.settled, 10_000);
      expect([answer.field('x-got'), answer.bytes]).toEqual(['60000', 2_000_000]);
    });

    it('answer HEAD without a body', () => {
      const bed = start({
        protocol,
        endpoints: {
          'cart-1': application(up, {
            onComplete: ({ exchange }) => {
              exchange.respond([':status', '200', 'content-length', '1234'], true);
            },
          }),
        },
      });
      const client = new Client(bed, down);
      const answer = client.send({ ':method': 'HEAD' });
      bed.loop.until(() => answer.settled);
      expect([answer.status, answer.bytes, answer.field('content-length')]).toEqual([200, 0, '1234']);
      const next = client.send({ ':method': 'HEAD' });
      bed.loop.until(() => next.settled);
      expect(next.status).toBe(200);
    });

    it('are given up at the endpoint when the client goes away', () => {
      const seen: Seen[] = [];
      const bed = start({ protocol, endpoints: { 'cart-1': application(up, { onRequest: (one) => seen.push(one) }) } });
      const client = new Client(bed, down);
      const answer = client.send({});
      bed.loop.until(() => seen.length === 1);
      answer.exchange?.reset(8);
      bed.loop.until(() => seen[0]?.reset !== undefined);
      expect(bed.lines().join('\n')).toContain(' DC ');
    });
  },
);

describe('a route', () => {
  it('sends shares to subsets and matches to one alone', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'v1'), 'cart-2': answering('HTTP/1.1', 200, 'v2') },
      subsets: { v1: ['cart-1'], v2: ['cart-2'] },
      routes: [
        {
          name: 'canary',
          matches: [
            {
              headers: [{ name: 'x-canary', value: { kind: 'exact', text: 'true', ignoreCase: false } }],
            },
          ],
          action: forward('v2'),
        },
        {
          name: 'split',
          matches: [],
          action: {
            ...forward('v1'),
            destinations: [
              { cluster: clusterName('v1'), weight: 90 },
              { cluster: clusterName('v2'), weight: 10 },
            ],
          },
        },
      ],
    });
    const client = new Client(bed, 'HTTP/1.1');
    const counts = { v1: 0, v2: 0 };
    for (let count = 0; count < 400; count++) {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      counts[answer.body as 'v1' | 'v2'] += 1;
    }
    // Five standard deviations of 400 draws at 10 %.
    expect(counts.v2).toBeGreaterThan(10);
    expect(counts.v2).toBeLessThan(70);
    for (let count = 0; count < 20; count++) {
      const answer = client.send({ 'x-canary': 'true' });
      bed.loop.until(() => answer.settled);
      expect(answer.body).toBe('v2');
    }
  });

  it('is another one from one request to the next when the controller says so', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'v1'), 'cart-2': answering('HTTP/1.1', 200, 'v2') },
      subsets: { v1: ['cart-1'], v2: ['cart-2'] },
      action: { destinations: [{ cluster: clusterName('v1'), weight: 1 }] },
    });
    const client = new Client(bed, 'HTTP/1.1');
    const before = client.send({});
    bed.loop.until(() => before.settled);
    bed.serve(
      serviceModel({
        subsets: { v1: ['cart-1'], v2: ['cart-2'] },
        action: { destinations: [{ cluster: clusterName('v2'), weight: 1 }] },
      }),
    );
    const after = client.send({});
    bed.loop.until(() => after.settled);
    expect([before.body, after.body]).toEqual(['v1', 'v2']);
  });

  it.each([
    ['matches nothing', 404, 'NR', { routes: [] }],
    ['has no backend', 500, 'NC', { action: { destinations: [{ cluster: '', weight: 1 }] } }],
    [
      'has an empty subset',
      503,
      'UH',
      { subsets: { none: [] }, action: { destinations: [{ cluster: clusterName('none'), weight: 1 }] } },
    ],
  ] as const)('that %s answers %i, and the log says %s', (_, status, flag, options) => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, ...options });
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(status);
    expect(bed.lines().join('\n')).toContain(` ${status} ${flag} `);
    const again = client.send({});
    bed.loop.until(() => again.settled);
    expect(again.status).toBe(status);
  });
});

describe('what a waypoint does not serve', () => {
  it.each<[string, string, number, string]>([
    ['an address of no service', '10.96.0.99:80', 400, 'AMBIT_WAYPOINT_UNKNOWN_SERVICE'],
    ['a port that the service does not have', `${VIP}:81`, 400, 'AMBIT_WAYPOINT_PORT'],
    ['a target that is no address', 'cart:80', 400, 'AMBIT_WAYPOINT_AUTHORITY'],
    ['its own admin port', '127.0.0.1:15000', 400, 'AMBIT_WAYPOINT_UNKNOWN_SERVICE'],
    ['its own tunnel port', '127.0.0.1:15008', 400, 'AMBIT_WAYPOINT_UNKNOWN_SERVICE'],
    ['its own metrics', '127.0.0.1:15020', 400, 'AMBIT_WAYPOINT_UNKNOWN_SERVICE'],
  ])('%s is refused with the reason', (_, authority, status, code) => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
    const refused = bed.tryOpen(new Raw(), authority);
    expect(refused).toMatchObject({ status, fields: ['x-ambit-reason', code] });
    expect(bed.lines().join('\n')).toContain(code);
  });

  it('a service whose resource it does not have is refused, so that nothing passes unjudged', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, unserved: true });
    const refused = bed.tryOpen(new Raw());
    expect(refused).toMatchObject({ status: 503, fields: ['x-ambit-reason', 'AMBIT_WAYPOINT_NOT_SERVED'] });
  });

  it('an endpoint that proves another identity gets no request', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      endpointPrincipal: 'spiffe://cluster.local/ns/shop/sa/thief',
    });
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(503);
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
    expect(bed.lines().join('\n')).toContain('AMBIT_HBONE_WRONG_IDENTITY');
  });

  it('an identity that the service no longer accepts gets no request on a connection from before', () => {
    const thief = 'spiffe://cluster.local/ns/shop/sa/thief';
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, endpointPrincipal: thief });
    const client = new Client(bed, 'HTTP/1.1');
    const status = (): number => {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      return answer.status;
    };
    bed.acceptIdentities([thief]);
    expect(status()).toBe(200);
    bed.acceptIdentities([]);
    expect(status()).toBe(503);
    expect(bed.endpoint('cart-1').tunnels).toBe(1);
  });
});

describe('a waypoint that ends', () => {
  it('finishes the requests it has and takes no others', () => {
    const seen: Seen[] = [];
    const bed = start({ endpoints: { 'cart-1': application('HTTP/1.1', { onRequest: (one) => seen.push(one) }) } });
    const client = new Client(bed, 'HTTP/1.1');
    const answer = client.send({});
    bed.loop.until(() => seen.length === 1);
    bed.drain(5_000);
    bed.loop.pass(100);
    expect(answer.settled).toBe(false);
    const [request] = seen;
    if (request !== undefined) respond(request, 200, 'finished');
    bed.loop.until(() => answer.settled && client.over);
    expect([answer.status, answer.body]).toEqual([200, 'finished']);
  });
});

describe('pipelined requests', () => {
  it('are answered one after another, in order', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, (seen) => requestPath(seen)) } });
    const connection = raw(bed);
    connection.write(['/one', '/two', '/three'].map((path) => `GET ${path} HTTP/1.1\r\nhost: cart\r\n\r\n`).join(''));
    bed.loop.until(() => connection.text.includes('/three'));
    expect([...connection.text.matchAll(/\/(one|two|three)/g)].map(([, name]) => name)).toEqual([
      'one',
      'two',
      'three',
    ]);
  });
});

function requestPath({ fields }: Seen): string {
  return fields[fields.indexOf(':path') + 1] ?? '';
}

function forward(subset: string): TestForward {
  return { kind: 'forward', destinations: [{ cluster: clusterName(subset) }] };
}
