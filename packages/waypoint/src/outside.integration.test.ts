import { readFileSync } from 'node:fs';
import { change, endpointOf, service, workload } from '@ambit/mesh/test-model';
import type { Workload } from '@ambit/mesh/workload';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { Listener } from '@ambit/reactor/listener';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { describe, expect, it } from 'vitest';
import { Client, Raw, raw } from './test-application.ts';
import { serviceModel } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

/** A server outside of the mesh, at an address of the loopback network: says what its address is. */
class Outside {
  readonly port: number;
  connections = 0;

  constructor(bed: TestWaypoint, ip: string, port = 0, greeting = `hello from ${ip}\r\n`) {
    const fd = openTcpListener({ address: { ip, port } });
    bed.reactor.adopt(fd);
    this.port = localAddress(fd).port;
    new Listener(bed.reactor, fd, {
      onAccept: (connection) => {
        this.connections += 1;
        const server = new Raw();
        server.endpoint = new TcpEndpoint(bed.reactor, connection, server);
        if (greeting !== '') server.write(greeting);
        server.onText = (): void => {
          if (server.text.endsWith('\r\n\r\n'))
            server.write(`HTTP/1.1 200 OK\r\ncontent-length: ${ip.length}\r\n\r\n${ip}`);
        };
      },
    });
  }
}

/** When the kernel asks next on the connections to an address, as `/proc/net/tcp` (proc_pid_net(5)) tells it; those that it asks. */
function secondsToKeepalive(ip: string, port: number): number[] {
  const octets = Buffer.from(ip.split('.').map(Number)).reverse().toString('hex').toUpperCase();
  const remote = `${octets}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
  return lines.flatMap((line) => {
    const [, , to, , , timer = ''] = line.trim().split(/\s+/);
    const [kind, ticks = ''] = timer.split(':');
    // Hundredths of a second; the timer of keepalive is the second kind.
    return to === remote && kind === '02' ? [Math.round(Number.parseInt(ticks, 16) / 100)] : [];
  });
}

const CART = service('cart', []);

/** An endpoint that is known by a name, with what that stands for. */
function named(addresses: readonly string[], port: number, failure?: string): Workload {
  return workload('ext', {
    ...{ uid: 'ext', hostname: 'ext.example.com', addresses, hostNetwork: true, protocol: 'tcp' },
    services: new Map([...endpointOf(CART)].map(([key]) => [key, [{ servicePort: 80, targetPort: port }]])),
    resolution: { failure },
  });
}

describe('an endpoint outside of the mesh that is known by a name', () => {
  it('is reached by plain TCP at the addresses of the name, and at another when one refuses', () => {
    const bed = start({ protocol: 'tcp', endpoints: {} });
    const { port } = new Outside(bed, '127.8.1.1');
    bed.tellWorkloads(named(['127.8.1.1', '127.8.1.2'], port));
    for (let count = 0; count < 8; count++) {
      const client = raw(bed);
      bed.loop.until(() => client.text.length > 0);
      expect(client.text).toBe('hello from 127.8.1.1\r\n');
    }
  });

  it('keeps its connections when the name has a further address, and loses those to one that it has no more', () => {
    const bed = start({ endpoints: {} });
    const first = new Outside(bed, '127.8.2.1', 0, '');
    const second = new Outside(bed, '127.8.2.2', first.port, '');
    const client = new Client(bed, 'HTTP/1.1');
    const ask = (): string => {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      return `${answer.status} ${answer.body}`;
    };
    bed.tellWorkloads(named(['127.8.2.1'], first.port));
    expect([ask(), ask(), first.connections]).toEqual(['200 127.8.2.1', '200 127.8.2.1', 1]);
    bed.random = () => 0;
    bed.tellWorkloads(named(['127.8.2.1', '127.8.2.9'], first.port, 'ETIMEOUT'));
    expect([ask(), first.connections]).toEqual(['200 127.8.2.1', 1]);
    bed.tellWorkloads(named(['127.8.2.2'], first.port));
    expect([ask(), second.connections]).toEqual(['200 127.8.2.2', 1]);
  });

  it.each(['http1', 'tcp'] as const)(
    'is asked for a sign of life by the kernel as tcpKeepalive says (%s)',
    (protocol) => {
      const tcpKeepalive = { timeS: 45, intervalS: 7, probes: 3 };
      const bed = start({ protocol, endpoints: {}, connectionPool: { tcpKeepalive } });
      const { port } = new Outside(bed, '127.8.7.1', 0, protocol === 'tcp' ? 'hello' : '');
      bed.tellWorkloads(named(['127.8.7.1'], port));
      if (protocol === 'tcp') raw(bed);
      else {
        const answer = new Client(bed, 'HTTP/1.1').send({});
        bed.loop.until(() => answer.settled);
      }
      expect(secondsToKeepalive('127.8.7.1', port)).toEqual([45]);
    },
  );

  it('is named with the reason while nobody knows an address', () => {
    const bed = start({ protocol: 'tcp', endpoints: {} });
    bed.tellWorkloads(named([], 80, 'ENOTFOUND'));
    expect(bed.tryOpen(new Raw())).toMatchObject({ status: 503 });
    expect(bed.lines().at(-1)).toContain('the name ext.example.com is not resolved: ENOTFOUND');
  });

  it('is named with the reason in the line of a request, too', () => {
    const bed = start({ endpoints: {} });
    bed.tellWorkloads(named([], 80, 'ENOTFOUND'));
    const answer = new Client(bed, 'HTTP/1.1').send({});
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([503, 'no healthy upstream']);
    expect(bed.lines().at(-1)).toContain('no_healthy_upstream{the_name_ext.example.com_is_not_resolved:_ENOTFOUND}');
  });

  it('is in the subset that its labels put it in', () => {
    const bed = start({
      ...{ protocol: 'tcp', endpoints: {} },
      destinations: [{ cluster: 'outbound|80|v1|cart.shop.svc.cluster.local' }],
      subsets: { v1: ['ext'] },
    });
    const { port } = new Outside(bed, '127.8.3.1');
    bed.tellWorkloads({ ...named(['127.8.3.1'], port), uid: 'cluster//Pod/shop/ext' });
    const client = raw(bed);
    bed.loop.until(() => client.text.length > 0);
  });
});

describe('a service that lets connections through', () => {
  const PASSTHROUGH = { mode: 'passthrough', preferences: [], allowUnhealthy: true } as const;
  /** A service whose port is that of servers outside. */
  const through = (bed: TestWaypoint, ip: string, prefixLength: number): void => {
    bed.tellService({ loadBalancing: PASSTHROUGH, addresses: [{ network: '', ip, prefixLength }] });
  };

  it('leads to where the client dialled, each to its own', () => {
    const bed = start({ protocol: 'tcp', endpoints: {} });
    for (const ip of ['127.8.4.1', '127.8.4.2']) new Outside(bed, ip, 80);
    through(bed, '127.8.4.0', 24);
    for (const ip of ['127.8.4.1', '127.8.4.2']) {
      const client = raw(bed, `${ip}:80`);
      bed.loop.until(() => client.text.length > 0);
      expect(client.text).toBe(`hello from ${ip}\r\n`);
    }
  });

  it.each([
    ['of whom a rule says nothing', {}, 1],
    ['with the limits of a rule', { connectionPool: { maxRequestsPerConnection: 1 } }, 2],
  ])('routes requests as others do (%s)', (_, limits, connections) => {
    const bed = start({ endpoints: {}, ...limits });
    const outside = new Outside(bed, '127.8.5.1', 80, '');
    through(bed, '127.8.5.0', 24);
    const client = new Client(bed, 'HTTP/1.1', undefined, '127.8.5.1:80');
    for (let count = 0; count < 2; count++) {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      expect([answer.status, answer.body]).toEqual([200, '127.8.5.1']);
    }
    expect(outside.connections).toBe(connections);
  });

  it('leads neither to the waypoint itself', () => {
    const bed = start({ protocol: 'tcp', endpoints: {} });
    through(bed, '127.0.0.1', 32);
    expect(bed.tryOpen(new Raw(), '127.0.0.1:80')).toMatchObject({ status: 503 });
    expect(bed.lines().at(-1)).toContain('AMBIT_WAYPOINT_NO_ENDPOINT');
  });

  it('nor, when a route of another service leads to it, to the address of that one', () => {
    const bed = start({ protocol: 'tcp', endpoints: {} });
    new Outside(bed, '127.8.6.1', 80);
    bed.tellService({ addresses: [{ network: '', ip: '127.8.6.1', prefixLength: undefined }] });
    const other = service('other', ['127.8.7.0/24'], { loadBalancing: PASSTHROUGH });
    change(bed.thread.store, { services: [other] });
    const model = serviceModel({ protocol: 'tcp' });
    bed.serve({ ...model, clusters: model.clusters.map((cluster) => ({ ...cluster, hostname: other.hostname })) });
    expect(bed.tryOpen(new Raw(), '127.8.6.1:80')).toMatchObject({ status: 503 });
    expect(bed.lines().at(-1)).toContain('AMBIT_WAYPOINT_NO_ENDPOINT');
  });
});
