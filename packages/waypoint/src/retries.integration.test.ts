import type { ConsistentHash, RetryCondition, RetryPolicy } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { answering, application, Client, type Answer, respond, type Seen } from './test-application.ts';
import type { TestServiceModel } from './test-models.ts';
import { start } from './test-start.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import type { TestWaypoint } from './test-waypoint.ts';

function retrying(conditions: readonly RetryCondition[], fields: Partial<RetryPolicy> = {}): RetryPolicy {
  return {
    retries: 2,
    conditions,
    statusCodes: [],
    perTryTimeoutMs: 0,
    backoffBaseMs: 1,
    ignorePreviousEndpoints: false,
    remoteLocalities: false,
    ...fields,
  };
}

const BY_ADDRESS: ConsistentHash = { key: { kind: 'source-ip' }, table: { kind: 'ring', size: 1_024 } };

/** The waypoint's default, as Istio's. */
const DEFAULT = retrying(['connect-failure', 'refused-stream', 'unavailable', 'cancelled']);

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  return answer;
}

/** The endpoint's proxy cannot reach the application. */
const refusing: EndpointBehaviour = (tunnel) => {
  tunnel.refuse(503, []);
};

/** Takes the connection and cuts it when a request has begun. */
function cutting(version: 'HTTP/1.1' | 'HTTP/2', seen: Seen[], after: 'content' | 'head'): EndpointBehaviour {
  return application(version, {
    onRequest: (one) => {
      seen.push(one);
      if (after === 'head') one.exchange.reset(2);
      else {
        const { receiver } = one.exchange;
        if (receiver === undefined) return;
        receiver.onData = (): void => {
          one.exchange.reset(2);
        };
      }
    },
  });
}

describe('a request to a service of which one endpoint fails', () => {
  it('never sees an endpoint that refuses connections', () => {
    const bed = start({
      endpoints: { 'cart-1': refusing, 'cart-2': answering('HTTP/1.1', 200, 'hello') },
      action: { retry: DEFAULT },
    });
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 0; count < 20; count++) {
      const answer = settled(bed, client.send({ ':method': 'POST' }, 'paid'));
      expect([answer.status, answer.body]).toEqual([200, 'hello']);
    }
    expect(bed.endpoint('cart-1').tunnels).toBeGreaterThan(0);
  });

  it('never sees an endpoint that is gone from the network', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'first'), 'cart-2': answering('HTTP/1.1', 200, 'second') },
      action: { retry: DEFAULT },
    });
    bed.endpoint('cart-1').closePort();
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 0; count < 20; count++) expect(settled(bed, client.send({})).body).toBe('second');
  });

  it('never sees its 503 where the route wants 503 tried again, with the whole body each time', () => {
    const bodies: string[] = [];
    const bed = start({
      endpoints: {
        'cart-1': answering('HTTP/1.1', 503, 'overloaded'),
        'cart-2': answering('HTTP/1.1', 200, (seen) => {
          bodies.push(seen.body);
          return 'hello';
        }),
      },
      action: { retry: retrying([], { statusCodes: [503] }) },
    });
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 0; count < 20; count++)
      expect(settled(bed, client.send({ ':method': 'POST' }, `order ${count}`)).status).toBe(200);
    expect(bodies).toEqual(Array.from({ length: 20 }, (_, count) => `order ${count}`));
  });

  it.each([
    ['is not tried again', ['5xx'] as const, 503],
    ['is, when the policy says so', ['envoy-ratelimited'] as const, 200],
  ])('and is asked to come less often %s', (_, conditions, status) => {
    const bed = start({
      endpoints: {
        'cart-1': answering('HTTP/1.1', 503, 'slow down', ['x-envoy-ratelimited', 'true']),
        'cart-2': answering('HTTP/1.1', status, 'hello', status === 503 ? ['x-envoy-ratelimited', 'true'] : []),
      },
      action: { retry: retrying(conditions) },
    });
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 0; count < 10; count++) expect(settled(bed, client.send({})).status).toBe(status);
    expect(bed.lines().join('\n')).not.toContain('URX');
  });

  it('gets the last answer when all tries are used up, and the log says so', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 503, 'no'), 'cart-2': answering('HTTP/1.1', 503, 'no') },
      action: { retry: retrying(['5xx']) },
    });
    const client = new Client(bed, 'HTTP/1.1');
    expect(settled(bed, client.send({})).status).toBe(503);
    expect(bed.endpoint('cart-1').tunnels + bed.endpoint('cart-2').tunnels).toBeGreaterThanOrEqual(2);
    expect(bed.lines().join('\n')).toContain(' 503 URX via_upstream ');
  });

  it('gets 503 without retries when nobody takes connections', () => {
    const bed = start({ endpoints: { 'cart-1': refusing }, action: { retry: DEFAULT } });
    const client = new Client(bed, 'HTTP/2');
    const answer = settled(
      bed,
      client.send({ 'content-type': 'application/grpc', te: 'trailers', ':method': 'POST' }, 'x'),
    );
    // A gRPC client gets a status of its own kind.
    expect([answer.status, answer.field('grpc-status')]).toEqual([200, '14']);
    expect(bed.lines().join('\n')).toContain(' UF,URX ');
  });

  it.each(['HTTP/1.1', 'HTTP/2'] as const)('a gRPC-like refusal in the head is tried again over %s', (version) => {
    const unavailable = application(version, {
      onComplete: ({ exchange }) => {
        exchange.respond([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '14'], true);
      },
    });
    const bed = start({
      protocol: version === 'HTTP/2' ? 'http2' : 'http1',
      endpoints: { 'cart-1': unavailable, 'cart-2': answering(version, 200, 'hello') },
      action: { retry: DEFAULT },
    });
    const client = new Client(bed, version);
    for (let count = 0; count < 10; count++) {
      const answer = settled(bed, client.send({ ':method': 'POST', 'content-type': 'application/grpc' }, 'x'));
      expect(answer.body).toBe('hello');
    }
  });
});

/** `retryIgnorePreviousHosts` of a VirtualService: true, and when nothing is said, endpoints that failed are not asked again. */
describe.each<[string, Partial<TestServiceModel>, readonly string[]]>([
  ['least-request', { loadBalancing: 'least-request' }, ['cart-1', 'cart-1', 'cart-1']],
  ['random', { loadBalancing: 'random' }, ['cart-1', 'cart-1', 'cart-1']],
  ['round-robin', { loadBalancing: 'round-robin' }, ['cart-1', 'cart-2', 'cart-3']],
  ['a hash of its address', { consistentHash: BY_ADDRESS }, ['own', 'own', 'own']],
])('a request that endpoints fail, balanced by %s', (_, balancing, again) => {
  const names = ['cart-1', 'cart-2', 'cart-3'];

  function asked(ignorePreviousEndpoints: boolean, retries: number): { readonly status: number; seen: string[] } {
    const seen: string[] = [];
    const failing = application('HTTP/1.1', {
      onComplete: (one) => {
        seen.push(one.endpoint);
        respond(one, 503, 'no');
      },
    });
    const bed = start({
      ...balancing,
      endpoints: Object.fromEntries(names.map((name) => [name, failing])),
      action: { retry: retrying(['5xx'], { retries, ignorePreviousEndpoints }) },
    });
    // The first of all is drawn.
    bed.random = () => 0;
    return { status: settled(bed, new Client(bed, 'HTTP/1.1').send({})).status, seen };
  }

  it('is sent to each of them once before any gets it again', () => {
    const { status, seen } = asked(false, 3);
    expect([status, seen.length]).toEqual([503, 4]);
    expect(seen.slice(0, 3).sort()).toEqual(names);
  });

  it('is sent to whom the balancing chooses, when previous ones need not be avoided', () => {
    const { status, seen } = asked(true, 2);
    const own = seen[0] ?? '';
    expect([status, seen]).toEqual([503, again.map((name) => (name === 'own' ? own : name))]);
  });
});

describe('a request whose body was delivered in part', () => {
  it.each(['HTTP/1.1', 'HTTP/2'] as const)('is never sent twice, whatever the policy (%s)', (version) => {
    const seen: Seen[] = [];
    const bed = start({
      protocol: version === 'HTTP/2' ? 'http2' : 'http1',
      endpoints: { 'cart-1': cutting(version, seen, 'content'), 'cart-2': cutting(version, seen, 'content') },
      action: { retry: retrying(['5xx', 'reset', 'refused-stream', 'connect-failure'], { retries: 5 }) },
    });
    const client = new Client(bed, version);
    const answer = client.send({ ':method': 'PUT' }, 'the first half', true);
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(503);
    expect(seen.length).toBe(1);
  });

  it('is sent elsewhere when nothing of it was taken', () => {
    const seen: Seen[] = [];
    const bed = start({
      protocol: 'http2',
      endpoints: {
        'cart-1': application('HTTP/2', {
          onRequest: (one) => {
            seen.push(one);
            // REFUSED_STREAM: nothing was processed.
            one.exchange.reset(7);
          },
        }),
        'cart-2': answering('HTTP/2', 200, (one) => one.body),
      },
      action: { retry: DEFAULT },
    });
    const client = new Client(bed, 'HTTP/2');
    for (let count = 0; count < 10; count++) {
      const answer = settled(bed, client.send({ ':method': 'PUT' }));
      expect(answer.status).toBe(200);
    }
    expect(seen.length).toBeGreaterThan(0);
  });
});

describe('a connection that the endpoint has closed while it was idle', () => {
  it('costs the next request nothing', () => {
    let count = 0;
    const closing: EndpointBehaviour = application('HTTP/1.1', {
      onComplete: (seen) => {
        count += 1;
        // The second request on a connection finds it closed.
        if (count === 2) seen.exchange.reset(2);
        else respond(seen, 200, `answer ${count}`);
      },
    });
    const bed = start({ endpoints: { 'cart-1': closing } });
    const client = new Client(bed, 'HTTP/1.1');
    expect(settled(bed, client.send({})).body).toBe('answer 1');
    expect(settled(bed, client.send({})).body).toBe('answer 3');
    expect(bed.endpoint('cart-1').tunnels).toBe(2);
  });

  it.each([
    ['POST', undefined],
    ['POST', 'paid'],
    ['PATCH', undefined],
  ])('is not sent again when it may not be repeated: %s %s', (method, body) => {
    const seen: Seen[] = [];
    const closing: EndpointBehaviour = application('HTTP/1.1', {
      onComplete: (one) => {
        seen.push(one);
        if (seen.length === 2) one.exchange.reset(2);
        else respond(one, 200, 'hello');
      },
    });
    const bed = start({ endpoints: { 'cart-1': closing }, action: { retry: DEFAULT } });
    const client = new Client(bed, 'HTTP/1.1');
    settled(bed, client.send({}));
    expect(settled(bed, client.send({ ':method': method }, body)).status).toBe(503);
    expect(seen).toHaveLength(2);
  });
});

describe('a request whose body turns out to be empty', () => {
  it.each(['HTTP/1.1', 'HTTP/2'] as const)(
    'is told of its end, also on a connection that is in use (%s)',
    (version) => {
      const bed = start({
        protocol: version === 'HTTP/2' ? 'http2' : 'http1',
        endpoints: { 'cart-1': answering(version, 200, (seen) => `got ${seen.bytes}`) },
        action: { retry: DEFAULT },
      });
      const client = new Client(bed, version);
      for (let count = 0; count < 3; count++) {
        const answer = client.send({ ':method': 'POST' }, undefined, true);
        bed.loop.pass(10);
        answer.exchange?.endStream();
        expect(settled(bed, answer).body).toBe('got 0');
      }
    },
  );
});

describe('more requests than one HTTP/2 connection takes', () => {
  it('are all served, however long the first ones last', () => {
    const held: Seen[] = [];
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': application('HTTP/2', { onComplete: (seen) => held.push(seen) }) },
    });
    const clients = Array.from({ length: 4 }, () => new Client(bed, 'HTTP/2'));
    const answers = clients.flatMap((client) => Array.from({ length: 90 }, () => client.send({})));
    bed.loop.until(() => held.length === 360);
    expect(bed.endpoint('cart-1').tunnels).toBeLessThanOrEqual(4);
    for (const seen of held) respond(seen, 200, 'done');
    bed.loop.until(() => answers.every((answer) => answer.settled));
    expect(answers.every(({ body }) => body === 'done')).toBe(true);
  });
});

describe('an answer that somebody reads slowly', () => {
  it('holds up nobody else on the connection to the endpoint', () => {
    const big = Buffer.alloc(4 << 20, 'z');
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onComplete: (seen) => {
            if (!seen.fields.includes('/big')) {
              respond(seen, 200, 'x'.repeat(200_000));
              return;
            }
            seen.exchange.respond([':status', '200', 'content-length', String(big.length)], false);
            let at = 0;
            const pour = (): void => {
              at += seen.exchange.sendData(big, at, big.length, true);
            };
            if (seen.exchange.receiver !== undefined) seen.exchange.receiver.onWritable = pour;
            pour();
          },
        }),
      },
    });
    const slow = new Client(bed, 'HTTP/1.1').send({ ':path': '/big' });
    slow.reads = false;
    bed.loop.pass(100);
    for (let count = 0; count < 5; count++) {
      const answer = settled(bed, new Client(bed, 'HTTP/1.1').send({}));
      expect(answer.bytes).toBe(200_000);
    }
    slow.readOn();
    bed.loop.until(() => slow.settled, 10_000);
    expect(slow.bytes).toBe(big.length);
  });
});

describe('time', () => {
  const silent = application('HTTP/1.1', {});

  it('for the whole request ends it with 504', () => {
    const bed = start({ endpoints: { 'cart-1': silent }, action: { timeoutMs: 100 } });
    const client = new Client(bed, 'HTTP/1.1');
    const begun = Date.now();
    const answer = settled(bed, client.send({}));
    expect(answer.status).toBe(504);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(95);
    expect(bed.lines().join('\n')).toContain(' 504 UT response_timeout ');
  });

  it('for one try leads to another endpoint', () => {
    const bed = start({
      endpoints: { 'cart-1': silent, 'cart-2': answering('HTTP/1.1', 200, 'hello') },
      action: { retry: retrying(['5xx'], { perTryTimeoutMs: 50 }), timeoutMs: 2_000 },
    });
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 0; count < 10; count++) expect(settled(bed, client.send({})).body).toBe('hello');
    expect(bed.endpoint('cart-1').tunnels).toBeGreaterThan(0);
  });

  it.each([['5xx'], ['gateway-error'], ['reset']] as const)(
    'for one try is tried again under %s until none is left',
    (condition) => {
      const bed = start({
        endpoints: { 'cart-1': silent },
        action: { retry: retrying([condition], { retries: 1, perTryTimeoutMs: 200 }), timeoutMs: 5_000 },
      });
      const answer = settled(bed, new Client(bed, 'HTTP/1.1').send({}));
      expect(answer.status).toBe(504);
      expect(bed.lines().join('\n')).toContain(' 504 UT,URX upstream_per_try_timeout ');
      expect(bed.endpoint('cart-1').tunnels).toBe(2);
    },
  );

  it('that a gRPC client gives is kept', () => {
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': application('HTTP/2', {}) } });
    const client = new Client(bed, 'HTTP/2');
    const answer = settled(
      bed,
      client.send({ ':method': 'POST', 'content-type': 'application/grpc', 'grpc-timeout': '80m' }, 'x'),
    );
    expect(answer.field('grpc-status')).toBe('4');
  });
});

describe('requests of one HTTP/2 client', () => {
  it('are spread over the endpoints one by one', () => {
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': answering('HTTP/2', 200, '1'), 'cart-2': answering('HTTP/2', 200, '2') },
    });
    const client = new Client(bed, 'HTTP/2');
    const answers = Array.from({ length: 60 }, () => client.send({}));
    bed.loop.until(() => answers.every((answer) => answer.settled));
    const first = answers.filter(({ body }) => body === '1').length;
    expect(first).toBeGreaterThan(15);
    expect(first).toBeLessThan(45);
    expect([bed.endpoint('cart-1').tunnels, bed.endpoint('cart-2').tunnels]).toEqual([1, 1]);
  });
});
