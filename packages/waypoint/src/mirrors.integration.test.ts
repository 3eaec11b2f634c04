import { SMALL_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { Mirror } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { MIRROR_BUFFER_BYTES, MIRROR_CLUSTER_BYTES, MIRROR_RESPONSE_BYTES, MIRRORS_PER_CLUSTER } from './limits.ts';
import { type Answer, answering, application, Client, Raw, respond, type Seen } from './test-application.ts';
import { end, start as startWaypoint } from './test-start.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import type { TestWaypoint, TestServiceOptions } from './test-waypoint.ts';

const MILLION = 1_000_000;
const VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;

/** A service whose requests go to one endpoint, with a second one in a cluster for copies. */
function start(
  main: EndpointBehaviour,
  shadow: EndpointBehaviour,
  options: Omit<TestServiceOptions, 'endpoints'> = {},
  mirrors: readonly Mirror[] = [{ cluster: clusterName('shadow'), perMillion: MILLION }],
): TestWaypoint {
  return startWaypoint({
    endpoints: { 'cart-1': main, 'shadow-1': shadow },
    subsets: { main: ['cart-1'], shadow: ['shadow-1'] },
    ...options,
    action: { destinations: [{ cluster: clusterName('main') }], mirrors, ...options.action },
  });
}

/** What came of copies so far, by result. */
function results(bed: TestWaypoint): Record<string, number> {
  const family = bed.thread.metrics.snapshot().counters.find(({ name }) => name === 'ambit_mirrored_requests_total');
  return Object.fromEntries((family?.samples ?? []).map(({ labels, values }) => [labels[1] ?? '', values[0] ?? 0]));
}

function ask(bed: TestWaypoint, client: Client, fields: Record<string, string> = {}, body?: string): Answer {
  const answer = client.send(fields, body);
  bed.loop.until(() => answer.settled);
  return answer;
}

/** Sends so much content, and the end, as the waypoint takes it. Returns how many buffers the loop had in use at most. */
function pour(bed: TestWaypoint, { exchange }: Answer, size: number): number {
  const bytes = Buffer.alloc(64 << 10, 'x');
  let left = size;
  const send = (): void => {
    while (left > 0) {
      const count = Math.min(left, bytes.length);
      const taken = exchange?.sendData(bytes, 0, count, count === left) ?? 0;
      left -= taken;
      if (taken < count) return;
    }
  };
  let lent = 0;
  bed.loop.until(() => {
    send();
    lent = Math.max(lent, bed.reactor.buffers.lent);
    return left === 0;
  }, 20_000);
  return lent;
}

/** Takes a tunnel and reads nothing of it. */
const deaf: EndpointBehaviour = (tunnel) => {
  tunnel.open([], new Raw()).pauseReading();
};

/** Takes requests and says nothing. */
const silent = (version: 'HTTP/1.1' | 'HTTP/2') => application(version, {});

describe.each(VERSIONS)('a copy of a request of %s', (version) => {
  it('has the same head, content and trailers, and its answer reaches nobody', () => {
    const seen: Record<string, Seen> = {};
    const note =
      (status: number, body: string) =>
      (one: Seen): void => {
        seen[one.endpoint] = one;
        respond(one, status, body);
      };
    const bed = start(
      application(version, { onComplete: note(200, 'main') }),
      application(version, { onComplete: note(500, 'shadow') }),
    );
    const client = new Client(bed, version);
    const answer = client.send(
      { ':method': 'POST', ':path': '/a/../b?c', ':authority': 'shop.example', trailer: 'x-sum' },
      'the body',
      true,
    );
    answer.exchange?.sendTrailers(['x-sum', '42']);
    bed.loop.until(() => answer.settled && results(bed)['5xx'] === 1);
    expect([answer.status, answer.body]).toEqual([200, 'main']);
    const [main, shadow] = [seen['cart-1'], seen['shadow-1']];
    expect(shadow?.fields).toEqual(main?.fields);
    expect(shadow?.fields).toContain('shop.example');
    expect([shadow?.body, shadow?.trailers]).toEqual(['the body', ['x-sum', '42']]);
    // Nobody has asked for it: it has no line of its own, and counts as no request of the service.
    expect(bed.lines()).toHaveLength(1);
    expect(bed.lines()[0]).not.toContain('shadow');
  });

  it('goes along with content that comes in pieces', () => {
    const seen: Seen[] = [];
    const note = (one: Seen): void => void seen.push(one);
    const bed = start(application(version, { onRequest: note }), application(version, { onRequest: note }));
    const answer = new Client(bed, version).send({ ':method': 'POST' }, 'one ', true);
    bed.loop.until(() => seen.length === 2 && seen.every(({ body }) => body === 'one '));
    answer.exchange?.sendData(Buffer.from('two'), 0, 3, true);
    bed.loop.until(() => seen.every(({ body, complete }) => body === 'one two' && complete));
  });

  it.each([
    ['its end', 'x-trailer', []],
    ['trailers', 'trailer', ['x-sum', '42']],
  ])('has all content of a request that was held back until %s', (_, name, trailers) => {
    const seen: Seen[] = [];
    const note = (one: Seen): void => {
      seen.push(one);
      respond(one, 200, '');
    };
    const fault = { delay: { delayMs: 60, perMillion: MILLION }, abort: null };
    const shadow = { cluster: clusterName('shadow'), perMillion: MILLION };
    const destinations = [{ cluster: clusterName('main') }];
    const action = { kind: 'forward', destinations, mirrors: [shadow] } as const;
    const routes = [{ fault, action }];
    const bed = start(application(version, { onComplete: note }), application(version, { onComplete: note }), {
      routes,
    });
    const content = 'x'.repeat(40_000);
    const answer = new Client(bed, version).send({ ':method': 'POST', [name]: 'x-sum' }, content, true);
    if (trailers.length > 0) answer.exchange?.sendTrailers(trailers);
    else answer.exchange?.endStream();
    bed.loop.pass(20);
    expect(seen).toEqual([]);
    bed.loop.until(() => seen.length === 2);
    expect(seen.map((one) => one.body === content)).toEqual([true, true]);
    expect(seen.map((one) => one.trailers ?? [])).toEqual([trailers, trailers]);
  });

  it('is complete when the endpoint takes it, however long it is', () => {
    const seen: Seen[] = [];
    const app = application(version, {
      onRequest: (one) => void seen.push(one),
      onComplete: (one) => {
        respond(one, 200, String(one.bytes));
      },
    });
    const bed = start(app, app);
    const answer = new Client(bed, version).send({ ':method': 'POST' }, undefined, true);
    const piece = Buffer.alloc(128 << 10);
    const count = (4 * MIRROR_BUFFER_BYTES) / piece.length;
    for (let sent = 1; sent <= count; sent++) {
      let at = 0;
      bed.loop.until(() => {
        at += answer.exchange?.sendData(piece, at, piece.length, sent === count) ?? 0;
        return at === piece.length;
      });
      bed.loop.until(() => seen.length === 2 && seen.every(({ bytes }) => bytes === sent * piece.length));
    }
    bed.loop.until(() => answer.settled && results(bed)['2xx'] === 1);
    expect(answer.body).toBe(String(4 * MIRROR_BUFFER_BYTES));
  });

  it('outlives a client that has asked and gone', () => {
    const seen: Seen[] = [];
    const bed = start(silent(version), application(version, { onComplete: (one) => void seen.push(one) }));
    const answer = new Client(bed, version).send({ ':method': 'POST' }, 'all of it');
    bed.loop.until(() => seen.length === 1);
    answer.exchange?.reset(8);
    bed.loop.pass(30);
    expect(results(bed)).toEqual({});
    respond(seen[0] as Seen, 200, 'done');
    bed.loop.until(() => results(bed)['2xx'] === 1);
  });

  it('is broken off with the request', () => {
    const seen: Seen[] = [];
    const bed = start(silent(version), application(version, { onRequest: (one) => void seen.push(one) }));
    const answer = new Client(bed, version).send({ ':method': 'POST' }, 'a part', true);
    bed.loop.until(() => seen[0]?.body === 'a part');
    answer.exchange?.reset(8);
    bed.loop.until(() => seen[0]?.reset !== undefined);
    expect([seen[0]?.complete, results(bed)]).toEqual([false, { abandoned: 1 }]);
  });
});

describe('a mirror', () => {
  it.each<[string, string, EndpointBehaviour, Record<string, string>]>([
    [
      'refuses tunnels',
      'unreachable',
      (tunnel) => {
        tunnel.refuse(503, []);
      },
      {},
    ],
    [
      'resets connections',
      'reset',
      (tunnel) => {
        tunnel.open([], new Raw()).destroy(undefined, true);
      },
      {},
    ],
    [
      'speaks no HTTP',
      'reset',
      (tunnel) => {
        const server = new Raw();
        server.endpoint = tunnel.open([], server);
        server.write('220 hello\r\n');
      },
      {},
    ],
    ['answers with an error', '5xx', answering('HTTP/1.1', 503, 'no'), {}],
    ['sends the client elsewhere', '3xx', answering('HTTP/1.1', 301, '', ['location', '/b']), {}],
    ['is asked for a head', '2xx', answering('HTTP/1.1', 200, ''), { ':method': 'HEAD' }],
  ])('that %s changes nothing, and counts as %s', (_, result, shadow, fields) => {
    const bed = start(answering('HTTP/1.1', 200, ''), shadow);
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 1; count <= 3; count++) {
      expect(ask(bed, client, fields).status).toBe(200);
      bed.loop.until(() => results(bed)[result] === count);
    }
    expect(results(bed)).toEqual({ [result]: 3 });
    // One endpoint per copy: nothing was tried again.
    expect(bed.endpoint('shadow-1').tunnels).toBeLessThanOrEqual(3);
  });

  it('that proves another identity gets nothing', () => {
    const bed = start(answering('HTTP/1.1', 200, ''), answering('HTTP/1.1', 200, ''), {
      endpointPrincipals: { 'shadow-1': 'spiffe://cluster.local/ns/shop/sa/other' },
    });
    expect(ask(bed, new Client(bed, 'HTTP/1.1')).status).toBe(200);
    bed.loop.until(() => results(bed)['unreachable'] === 1);
    expect(bed.endpoint('shadow-1').tunnels).toBe(0);
  });

  it('without endpoints, or without a backend, changes nothing', () => {
    const bed = start(answering('HTTP/1.1', 200, 'main'), deaf, { subsets: { main: ['cart-1'], none: [] } }, [
      { cluster: clusterName('none'), perMillion: MILLION },
      { cluster: '', perMillion: MILLION },
    ]);
    expect(ask(bed, new Client(bed, 'HTTP/1.1')).body).toBe('main');
    expect(results(bed)).toEqual({ no_endpoint: 1 });
  });

  it('gets its share of requests', () => {
    const bed = start(answering('HTTP/2', 200, ''), answering('HTTP/2', 200, ''), {}, [
      { cluster: clusterName('shadow'), perMillion: 250_000 },
    ]);
    const client = new Client(bed, 'HTTP/2');
    for (let count = 0; count < 8; count++) {
      bed.random = () => count / 8;
      expect(ask(bed, client).status).toBe(200);
    }
    bed.loop.until(() => results(bed)['2xx'] === 2);
  });

  it('of a destination gets copies of what goes there, beside those of the route', () => {
    const shadow = { cluster: clusterName('shadow'), perMillion: MILLION };
    const bed = start(
      answering('HTTP/2', 200, 'main'),
      answering('HTTP/2', 200, 'shadow'),
      {
        action: {
          destinations: [{ cluster: clusterName('main'), mirrors: [shadow] }, { cluster: clusterName('main') }],
        },
      },
      [shadow],
    );
    const client = new Client(bed, 'HTTP/2');
    bed.random = () => 0;
    ask(bed, client);
    bed.loop.until(() => results(bed)['2xx'] === 2);
    bed.random = () => 0.5;
    ask(bed, client);
    bed.loop.until(() => results(bed)['2xx'] === 3);
  });

  it.each([
    ['with', 'x'],
    ['without', undefined],
  ])('that does not answer a request %s content is given up when the time of the route is over', (_, body) => {
    const seen: Seen[] = [];
    const shadow = application('HTTP/1.1', { onComplete: (one) => void seen.push(one) });
    const bed = start(answering('HTTP/1.1', 200, ''), shadow, { action: { timeoutMs: 400 } });
    expect(ask(bed, new Client(bed, 'HTTP/1.1'), { ':method': 'PUT' }, body).status).toBe(200);
    bed.loop.until(() => results(bed)['timeout'] === 1 && seen.every(({ reset }) => reset !== undefined));
  });

  it('that answers without end is heard only so far', () => {
    let sent = 0;
    const endless = application('HTTP/2', {
      onComplete: ({ exchange }) => {
        const bytes = Buffer.alloc(64 << 10);
        const go = (): void => {
          let taken = bytes.length;
          while (taken === bytes.length && !exchange.closed) {
            taken = exchange.sendData(bytes, 0, bytes.length, false);
            sent += taken;
          }
        };
        exchange.respond([':status', '200'], false);
        if (exchange.receiver !== undefined) exchange.receiver.onWritable = go;
        go();
      },
    });
    const bed = start(answering('HTTP/2', 200, ''), endless);
    ask(bed, new Client(bed, 'HTTP/2'));
    bed.loop.until(() => results(bed)['2xx'] === 1, 20_000);
    expect(sent).toBeGreaterThan(MIRROR_RESPONSE_BYTES);
    expect(sent).toBeLessThan(2 * MIRROR_RESPONSE_BYTES);
  });

  it('gets only so many requests that it does not answer', () => {
    const bed = start(answering('HTTP/2', 200, 'main'), silent('HTTP/2'));
    const client = new Client(bed, 'HTTP/2');
    for (let count = 0; count < MIRRORS_PER_CLUSTER; count++) ask(bed, client);
    expect(results(bed)).toEqual({});
    expect(ask(bed, client).body).toBe('main');
    expect(results(bed)).toEqual({ overflow: 1 });
  });
});

describe('a mirror that never reads', () => {
  it.each(VERSIONS)('loses the copy of a long %s request, which is as fast and takes no memory', (version) => {
    const size = 48 << 20;
    const upload = (shadow: boolean): { milliseconds: number; lent: number } => {
      const main = answering(version, 200, ({ bytes }) => String(bytes));
      const bed = start(main, deaf, { protocol: version === 'HTTP/2' ? 'http2' : 'http1' }, [
        { cluster: clusterName('shadow'), perMillion: shadow ? MILLION : 0 },
      ]);
      const client = new Client(bed, version);
      ask(bed, client);
      const begun = performance.now();
      const answer = client.send({ ':method': 'POST' }, undefined, true);
      const lent = pour(bed, answer, size);
      bed.loop.until(() => answer.settled, 20_000);
      const milliseconds = performance.now() - begun;
      expect(answer.body).toBe(String(size));
      if (shadow) expect(results(bed)).toEqual({ not_taken: 1 });
      end(bed);
      return { milliseconds, lent };
    };
    const without = upload(false);
    const withOne = upload(true);
    expect(withOne.milliseconds).toBeLessThan(3 * without.milliseconds + 1_000);
    // What waits is in small buffers; those that connections write into are besides.
    expect(withOne.lent).toBeLessThan(without.lent + (2 * MIRROR_BUFFER_BYTES) / SMALL_BUFFER_BYTES);
  });

  it('holds no more than its share however many requests there are', () => {
    const bed = start(answering('HTTP/1.1', 200, ''), deaf);
    const client = new Client(bed, 'HTTP/1.1');
    const size = MIRROR_BUFFER_BYTES / 8;
    const before = bed.reactor.buffers.lent;
    let lent = 0;
    for (let count = 0; count < 400; count++) {
      const answer = client.send({ ':method': 'POST' }, undefined, true);
      lent = Math.max(lent, pour(bed, answer, size));
      bed.loop.until(() => answer.settled);
      expect(answer.status).toBe(200);
    }
    // 400 copies of 128 KiB; what was refused was refused because of the octets, before there were too many copies.
    const refused = results(bed)['not_taken'] ?? 0;
    expect(refused).toBeGreaterThanOrEqual(400 - MIRROR_CLUSTER_BYTES / size);
    expect(lent - before).toBeLessThan((2 * MIRROR_CLUSTER_BYTES) / SMALL_BUFFER_BYTES);
  });
});
