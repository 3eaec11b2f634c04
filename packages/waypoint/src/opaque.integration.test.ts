import { describe, expect, it } from 'vitest';
import { answering, Client, Raw, raw } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

/** An application that greets at once and echoes. */
function greeting(servers: Raw[] = []): EndpointBehaviour {
  return (tunnel) => {
    const server = new Raw();
    servers.push(server);
    server.endpoint = tunnel.open([], server);
    server.write('220 hello\r\n');
    let echoed = 0;
    server.onText = (): void => {
      server.write(`echo ${server.text.slice(echoed)}`);
      echoed = server.text.length;
    };
  };
}

/** An application that takes connections and says nothing. */
const silent: EndpointBehaviour = (tunnel) => {
  tunnel.open([], new Raw());
};

/** Connections by what they turned out to speak. */
function detected(bed: TestWaypoint): Record<string, number> {
  const family = bed.thread.metrics.snapshot().counters.find(({ name }) => name === 'ambit_detected_protocols_total');
  return Object.fromEntries((family?.samples ?? []).map(({ labels, values }) => [labels[0] ?? '', values[0] ?? 0]));
}

/** Two requests on one connection. */
function ask(bed: TestWaypoint, version: 'HTTP/1.1' | 'HTTP/2'): void {
  const client = new Client(bed, version);
  for (let count = 0; count < 2; count++) {
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(200);
  }
}

function says(bed: TestWaypoint, words: string): void {
  const client = raw(bed);
  client.write(words);
  bed.loop.until(() => client.text.includes('hello'));
}

describe.each(['tcp', 'auto'] as const)('a server that speaks first, on a port declared %s', (protocol) => {
  it('greets at once, and bytes go both ways', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': greeting() } });
    const begun = Date.now();
    const client = raw(bed);
    bed.loop.until(() => client.text === '220 hello\r\n');
    expect(Date.now() - begun).toBeLessThan(500);
    client.write('quit\r\n');
    bed.loop.until(() => client.text.endsWith('echo quit\r\n'));
  });

  it('is heard out after the client has ended', () => {
    const servers: Raw[] = [];
    const bed = start({ protocol, endpoints: { 'cart-1': greeting(servers) } });
    const client = raw(bed);
    bed.loop.until(() => client.text.length > 0);
    client.endpoint?.endOutput();
    bed.loop.until(() => servers[0]?.ended === true);
    servers[0]?.write('the rest');
    servers[0]?.endpoint?.endOutput();
    bed.loop.until(() => client.closed !== undefined);
    expect(client.text).toBe('220 hello\r\nthe rest');
    expect(client.closed).toEqual({ error: undefined });
    expect(bed.lines().at(-1)).toContain('outbound|80||cart.shop.svc.cluster.local');
  });

  it('is cut when the client resets', () => {
    const servers: Raw[] = [];
    const bed = start({ protocol, endpoints: { 'cart-1': greeting(servers) } });
    const client = raw(bed);
    bed.loop.until(() => client.text.length > 0);
    client.endpoint?.destroy(undefined, true);
    bed.loop.until(() => servers[0]?.closed !== undefined);
    expect(servers[0]?.closed?.error?.code).toBe('AMBIT_HBONE_RESET');
  });
});

describe('an opaque connection', () => {
  const refusing: EndpointBehaviour = (tunnel) => {
    tunnel.refuse(503, []);
  };

  it('finds the endpoint that takes it', () => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': refusing, 'cart-2': greeting(), 'cart-3': refusing } });
    for (let count = 0; count < 10; count++) {
      const client = raw(bed);
      bed.loop.until(() => client.text.length > 0);
      client.endpoint?.destroy();
    }
  });

  it('is refused before it begins when no endpoint takes it', () => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': refusing } });
    const refused = bed.tryOpen(new Raw());
    expect(refused).toMatchObject({ status: 503 });
    expect(bed.lines().at(-1)).toContain(' UF ');
  });
});

describe.each(['tcp', 'auto'] as const)('connections on a port declared %s', (protocol) => {
  const naming: EndpointBehaviour = (tunnel, { name }) => {
    const server = new Raw();
    server.endpoint = tunnel.open([], server);
    server.write(name);
  };

  it('are shared by weight, and each is whole at one place', () => {
    const bed = start({
      protocol,
      endpoints: { 'cart-1': naming, 'cart-2': naming, 'cart-3': naming, 'cart-4': naming },
      subsets: { a: ['cart-1'], b: ['cart-2'], c: ['cart-3'], none: ['cart-4'] },
      destinations: [
        { cluster: clusterName('a'), weight: 3 },
        { cluster: clusterName('b'), weight: 1 },
        { cluster: clusterName('c'), weight: 1 },
        { cluster: clusterName('none'), weight: 0 },
      ],
    });
    const counts = new Map<string, number>();
    for (let count = 0; count < 20; count++) {
      // Every share of the draw as often as each other.
      bed.random = () => (count + 0.5) / 20;
      const client = raw(bed);
      bed.loop.until(() => client.text.length > 0);
      counts.set(client.text, (counts.get(client.text) ?? 0) + 1);
      client.endpoint?.destroy();
    }
    expect([...counts].toSorted()).toEqual([
      ['cart-1', 12],
      ['cart-2', 4],
      ['cart-3', 4],
    ]);
  });

  it.each([
    ['a backend that is not there', [{ cluster: '', weight: 1 }], 'NC'],
    ['weights that are all nothing', [{ cluster: clusterName(), weight: 0 }], 'NC'],
    ['no destination', [], 'NC'],
  ])('that a route leads to %s are refused', (_, destinations, flag) => {
    const bed = start({ protocol, endpoints: { 'cart-1': naming }, destinations });
    const client = new Raw();
    const opened = bed.tryOpen(client);
    if (protocol === 'tcp') expect(opened).toMatchObject({ status: 503 });
    if (!('status' in opened) && !('code' in opened)) {
      client.endpoint = opened;
      client.write('no HTTP\r\n');
      bed.loop.until(() => client.closed !== undefined);
    }
    expect(client.text).toBe('');
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
    expect(bed.lines().at(-1)).toContain(` ${flag} `);
  });
});

describe('a port of undeclared protocol', () => {
  it.each<[string, Readonly<Record<string, number>>, EndpointBehaviour, (bed: TestWaypoint) => void]>([
    ['a request', { http1: 1 }, answering('HTTP/1.1', 200, 'hello'), (bed) => ask(bed, 'HTTP/1.1')],
    ['a request of HTTP/2', { http2: 1 }, answering('HTTP/2', 200, 'hello'), (bed) => ask(bed, 'HTTP/2')],
    ['a greeting', { server_first: 1 }, greeting(), (bed) => says(bed, '')],
    ['words that are no HTTP', { tcp: 1 }, greeting(), (bed) => says(bed, 'EHLO me\r\n')],
    [
      'nothing',
      { none: 1 },
      silent,
      (bed) => {
        const client = raw(bed);
        bed.loop.pass(60);
        client.endpoint?.destroy(undefined, true);
        bed.loop.until(() => Object.keys(detected(bed)).length > 0);
      },
    ],
  ])('counts %s as what it is: %j', (_, counted, behaviour, act) => {
    const bed = start({ protocol: 'auto', endpoints: { 'cart-1': behaviour } });
    act(bed);
    expect(detected(bed)).toEqual(counted);
  });

  it.each(['HTTP/1.1', 'HTTP/2'] as const)('serves %s as HTTP', (version) => {
    const bed = start({ protocol: 'auto', endpoints: { 'cart-1': answering(version, 200, 'hello') } });
    const client = new Client(bed, version);
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.field('x-envoy-upstream-service-time') !== undefined]).toEqual([200, true]);
  });

  it('serves HTTP also to a client that is silent for a while', () => {
    const bed = start({ protocol: 'auto', endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
    const client = raw(bed);
    bed.loop.pass(60);
    client.write('GET / HTTP/1.1\r\nhost: cart\r\n\r\n');
    bed.loop.until(() => client.text.includes('hello'));
    expect(client.text).toContain('x-envoy-upstream-service-time');
  });

  it('ends a silent client when its server has ended', () => {
    const bed = start({
      protocol: 'auto',
      endpoints: {
        'cart-1': (tunnel) => {
          tunnel.open([], new Raw()).end();
        },
      },
    });
    const client = raw(bed);
    bed.loop.until(() => client.ended || client.closed !== undefined);
  });

  it('refuses words that are no HTTP when no endpoint takes them, however late they come', () => {
    const bed = start({
      protocol: 'auto',
      endpoints: {
        'cart-1': (tunnel) => {
          tunnel.refuse(503, []);
        },
      },
    });
    const client = raw(bed);
    bed.loop.pass(60);
    client.write('SET key value\r\n');
    bed.loop.until(() => client.closed !== undefined);
    expect(client.closed?.error?.code).toBe('AMBIT_HBONE_RESET');
  });

  it('carries what is no HTTP, byte for byte, from the first one', () => {
    const received: Raw[] = [];
    const bed = start({
      protocol: 'auto',
      endpoints: {
        'cart-1': (tunnel) => {
          const server = new Raw();
          received.push(server);
          server.endpoint = tunnel.open([], server);
        },
      },
    });
    const client = raw(bed);
    client.write('\x16\x03');
    client.write('\x01 not http');
    bed.loop.until(() => received[0]?.text === '\x16\x03\x01 not http');
  });
});
