import { Gauge } from '@ambit/traffic/cluster-state/cluster-memory';
import type { ConnectionPool } from '@ambit/traffic/model/cluster-limits';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, Raw, raw, respond, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

type Version = 'HTTP/1.1' | 'HTTP/2';

/** An application that answers when it is told to. */
function holding(version: Version, held: Seen[]): EndpointBehaviour {
  return application(version, { onComplete: (seen) => held.push(seen) });
}

/** An application that takes connections and says nothing. */
const quiet: EndpointBehaviour = (tunnel) => {
  tunnel.open([], new Raw());
};

function bedWith(
  version: Version,
  held: Seen[],
  connectionPool: Partial<ConnectionPool>,
  names = ['cart-1'],
): TestWaypoint {
  return start({
    protocol: version === 'HTTP/2' ? 'http2' : 'http1',
    endpoints: Object.fromEntries(names.map((name) => [name, holding(version, held)])),
    connectionPool,
  });
}

/** Sends requests at once, each on a connection of its own. */
function sendAll(bed: TestWaypoint, count: number, version: Version = 'HTTP/1.1'): Answer[] {
  return Array.from({ length: count }, () => new Client(bed, version).send({}));
}

function gauge(bed: TestWaypoint, of: keyof typeof Gauge): number {
  return bed.load().sum(Gauge[of]);
}

const REFUSED = { status: 503, overloaded: 'true' };

function told(answer: Answer): { status: number; overloaded: string | undefined; reason: string | undefined } {
  const { status } = answer;
  return { status, overloaded: answer.field('x-envoy-overloaded'), reason: answer.field('x-ambit-reason') };
}

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('what requests a cluster may have, endpoints of %s', (version) => {
  it('http2MaxRequests: one more is refused and told why, and room is given back', () => {
    const held: Seen[] = [];
    const bed = bedWith(version, held, { maxRequests: 2 });
    const first = sendAll(bed, 2, version);
    bed.loop.until(() => held.length === 2);
    const [third] = sendAll(bed, 1, version) as [Answer];
    bed.loop.until(() => third.settled);
    expect(told(third)).toEqual({ ...REFUSED, reason: 'AMBIT_REQUEST_LIMIT' });
    const [one] = held.splice(0, 1) as [Seen];
    respond(one, 200, 'hello');
    bed.loop.until(() => first.some(({ settled }) => settled));
    const fourth = new Client(bed, version).send({});
    bed.loop.until(() => held.length === 2);
    for (const seen of held) respond(seen, 200, 'hello');
    bed.loop.until(() => fourth.settled && first.every(({ settled }) => settled));
    expect([fourth.status, gauge(bed, 'requests'), gauge(bed, 'underWay')]).toEqual([200, 0, 0]);
    expect(bed.lines().join('\n')).toMatch(/ 503 UO overflow .*/);
    expect(bed.count('ambit_upstream_refusals_total', clusterName(), 'AMBIT_REQUEST_LIMIT')).toBe(1);
  });

  it('http1MaxPendingRequests: so many wait for a connection', () => {
    const held: Seen[] = [];
    const bed = bedWith(version, held, { maxPendingRequests: 3 });
    const clients = Array.from({ length: 5 }, () => new Client(bed, version));
    const answers = clients.map((client) => client.send({}));
    bed.loop.until(() => answers.filter(({ settled }) => settled).length === 2 && held.length === 3);
    expect(answers.filter(({ settled }) => settled).map(told)).toEqual(
      Array(2).fill({ ...REFUSED, reason: 'AMBIT_PENDING_LIMIT' }),
    );
    for (const seen of held) respond(seen, 200, 'hello');
    bed.loop.until(() => answers.every(({ settled }) => settled));
    expect(gauge(bed, 'pending')).toBe(0);
  });

  it('maxRequestsPerConnection: a connection ends with the last of them', () => {
    const bed = start({
      protocol: version === 'HTTP/2' ? 'http2' : 'http1',
      endpoints: { 'cart-1': answering(version, 200, 'hello') },
      connectionPool: { maxRequestsPerConnection: 2 },
    });
    const client = new Client(bed, version);
    for (let at = 0; at < 6; at++) {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      expect(answer.status).toBe(200);
    }
    expect(bed.endpoint('cart-1').tunnels).toBe(3);
    bed.loop.until(() => gauge(bed, 'connections') === 0);
  });

  it('maxConnectionDuration and idleTimeout: a connection without a request ends', () => {
    for (const pool of [{ maxConnectionDurationMs: 30 }, { httpIdleTimeoutMs: 30 }]) {
      const bed = start({
        protocol: version === 'HTTP/2' ? 'http2' : 'http1',
        endpoints: { 'cart-1': answering(version, 200, 'hello') },
        connectionPool: pool,
      });
      const answer = new Client(bed, version).send({});
      bed.loop.until(() => answer.settled);
      expect(gauge(bed, 'connections')).toBe(1);
      bed.loop.until(() => gauge(bed, 'connections') === 0);
    }
  });
});

describe('maxConnections', () => {
  it('requests of HTTP/1 wait for a connection, and are answered one after another', () => {
    const held: Seen[] = [];
    const bed = bedWith('HTTP/1.1', held, { maxConnections: 2 });
    const answers = sendAll(bed, 5);
    bed.loop.until(() => held.length === 2);
    bed.loop.pass(30);
    expect([held.length, gauge(bed, 'connections'), gauge(bed, 'pending')]).toEqual([2, 2, 3]);
    for (let served = 0; served < 5; served++) {
      bed.loop.until(() => held.length > 0);
      respond(held.shift() as Seen, 200, 'hello');
    }
    bed.loop.until(() => answers.every(({ settled }) => settled));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(bed.endpoint('cart-1').tunnels).toBe(2);
  });

  it('with one endpoint more than connections, none is left out: one that nobody uses is ended for another', () => {
    const held: Seen[] = [];
    const bed = bedWith('HTTP/1.1', held, { maxConnections: 1 }, ['cart-1', 'cart-2', 'cart-3']);
    const served = new Set<string>();
    for (let at = 0; at < 30; at++) {
      const [answer] = sendAll(bed, 1) as [Answer];
      bed.loop.until(() => held.length === 1);
      const seen = held.shift() as Seen;
      served.add(seen.endpoint);
      expect(gauge(bed, 'connections')).toBe(1);
      respond(seen, 200, 'hello');
      bed.loop.until(() => answer.settled);
    }
    expect(served.size).toBe(3);
  });

  it('who waits gets the connection that another data thread has given back', () => {
    const held: Seen[] = [];
    const bed = bedWith('HTTP/1.1', held, { maxConnections: 1 });
    const other = bed.load(1);
    other.take(Gauge.connections, 1);
    const [answer] = sendAll(bed, 1) as [Answer];
    bed.loop.until(() => gauge(bed, 'pending') === 1);
    bed.loop.pass(30);
    expect([held.length, bed.wanted > 0]).toEqual([0, true]);
    other.giveBack(Gauge.connections);
    bed.loop.until(() => held.length === 1);
    respond(held.shift() as Seen, 200, 'hello');
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(200);
  });

  it('who gives up while it waits leaves nothing behind', () => {
    const held: Seen[] = [];
    const bed = bedWith('HTTP/1.1', held, { maxConnections: 1 });
    sendAll(bed, 1);
    bed.loop.until(() => held.length === 1);
    const client = new Client(bed, 'HTTP/1.1');
    client.send({});
    bed.loop.until(() => gauge(bed, 'pending') === 1);
    client.drop();
    bed.loop.until(() => gauge(bed, 'pending') === 0);
    expect(gauge(bed, 'underWay')).toBe(1);
  });

  it('of bytes that nobody looks at: one more is refused and told why', () => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': quiet }, connectionPool: { maxConnections: 1 } });
    const first = raw(bed);
    const refused = bed.tryOpen(new Raw());
    expect(refused).toEqual({ status: 503, fields: expect.arrayContaining(['AMBIT_CONNECTION_LIMIT']) as string[] });
    expect(bed.lines().join('\n')).toContain(' UO ');
    first.endpoint?.destroy(undefined, true);
    bed.loop.until(() => gauge(bed, 'connections') === 0);
    expect(raw(bed).closed).toBeUndefined();
  });
});

describe('maxConcurrentStreams', () => {
  it('what is more goes to another connection', () => {
    const held: Seen[] = [];
    const bed = bedWith('HTTP/2', held, { maxConcurrentStreams: 2 });
    const answers = sendAll(bed, 5, 'HTTP/2');
    bed.loop.until(() => held.length === 5);
    expect([bed.endpoint('cart-1').tunnels, gauge(bed, 'connections')]).toEqual([3, 3]);
    for (const seen of held) respond(seen, 200, 'hello');
    bed.loop.until(() => answers.every(({ settled }) => settled));
  });

  it('or waits for the first that ends, where there may be no other connection', () => {
    const held: Seen[] = [];
    const bed = bedWith('HTTP/2', held, { maxConcurrentStreams: 1, maxConnections: 1 });
    const answers = sendAll(bed, 3, 'HTTP/2');
    for (let served = 0; served < 3; served++) {
      bed.loop.until(() => held.length > 0);
      expect(held).toHaveLength(1);
      respond(held.shift() as Seen, 200, 'hello');
    }
    bed.loop.until(() => answers.every(({ settled }) => settled));
    expect(bed.endpoint('cart-1').tunnels).toBe(1);
  });
});

describe('a connection whose bytes nobody looks at', () => {
  it.each([
    ['maxConnectionDuration', { maxConnectionDurationMs: 40 }, 'AMBIT_CONNECTION_AGE'],
    ['tcp.idleTimeout', { tcpIdleTimeoutMs: 40 }, 'AMBIT_CONNECTION_IDLE'],
  ])('ends by %s', (_, connectionPool, code) => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': quiet }, connectionPool });
    const connection = raw(bed);
    bed.loop.until(() => connection.closed !== undefined);
    expect(bed.lines().join('\n')).toContain(code);
  });

  it('with a byte now and then is not idle', () => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': quiet }, connectionPool: { tcpIdleTimeoutMs: 100 } });
    const connection = raw(bed);
    for (let at = 0; at < 10; at++) {
      connection.write('x');
      bed.loop.pass(30);
    }
    expect(connection.closed).toBeUndefined();
  });
});

describe('a cluster without limits', () => {
  it('shares its connections with others', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      subsets: { v1: ['cart-1'] },
      routes: [
        {
          matches: [{ path: { kind: 'exact', text: '/v1', ignoreCase: false } }],
          action: { kind: 'forward', destinations: [{ cluster: clusterName('v1') }] },
        },
        { action: { kind: 'forward', destinations: [{ cluster: clusterName() }] } },
      ],
    });
    const client = new Client(bed, 'HTTP/1.1');
    for (const path of ['/v1', '/', '/v1']) {
      const answer = client.send({ ':path': path });
      bed.loop.until(() => answer.settled);
    }
    expect([bed.endpoint('cart-1').tunnels, gauge(bed, 'connections')]).toEqual([1, 0]);
  });
});
