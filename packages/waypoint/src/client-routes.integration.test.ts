import { workload } from '@ambit/mesh/test-model';
import type { HttpMatch } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { Client, Raw, raw } from './test-application.ts';
import type { TestRoute } from './test-routes.ts';
import { start } from './test-start.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName, serviceModel } from './test-models.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const principal = (namespace: string, serviceAccount = 'web') =>
  `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;

function answerOf(name: string, source?: HttpMatch['source']): TestRoute {
  const matches = source === undefined ? [] : [{ source }];
  return { name, matches, action: { kind: 'direct-response', status: 200, body: name } };
}

/** What the client's requests are answered with, on one connection each time. */
function ask(bed: TestWaypoint, client: Client): string {
  const answer = client.send({});
  bed.loop.until(() => answer.settled);
  return answer.body;
}

describe('routes of a namespace', () => {
  it('hold for its clients alone, by the identity that they have proven', () => {
    const bed = start({
      endpoints: {},
      routes: [answerOf('everybody')],
      consumers: [{ namespace: 'consumer', routes: [answerOf('consumer')], tcpDestinations: [] }],
    });
    for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
      expect(ask(bed, new Client(bed, version))).toBe('everybody');
      expect(ask(bed, new Client(bed, version, principal('consumer')))).toBe('consumer');
      // A namespace is compared whole.
      expect(ask(bed, new Client(bed, version, principal('consumer-2')))).toBe('everybody');
    }
  });

  it('are in force on open connections as soon as they are known', () => {
    const bed = start({ endpoints: {}, routes: [answerOf('everybody')] });
    const client = new Client(bed, 'HTTP/2', principal('consumer'));
    expect(ask(bed, client)).toBe('everybody');
    const consumers = [{ namespace: 'consumer', routes: [answerOf('consumer')], tcpDestinations: [] }];
    bed.serve(serviceModel({ routes: [answerOf('everybody')], consumers }));
    expect(ask(bed, client)).toBe('consumer');
    bed.serve(serviceModel({ routes: [answerOf('everybody')] }));
    expect(ask(bed, client)).toBe('everybody');
  });

  it.each(['tcp', 'auto'] as const)('say where its connections go on a port declared %s', (protocol) => {
    const naming: EndpointBehaviour = (tunnel, { name }) => {
      const server = new Raw();
      server.endpoint = tunnel.open([], server);
      server.write(name);
    };
    const bed = start({
      protocol,
      endpoints: { 'cart-1': naming, 'cart-2': naming },
      subsets: { v1: ['cart-1'], v2: ['cart-2'] },
      destinations: [{ cluster: clusterName('v1'), weight: 1 }],
      consumers: [{ namespace: 'consumer', routes: [], tcpDestinations: [{ cluster: clusterName('v2'), weight: 1 }] }],
    });
    const connections = [raw(bed), raw(bed, undefined, principal('consumer'))];
    bed.loop.until(() => connections.every(({ text }) => text.length > 0));
    expect(connections.map(({ text }) => text)).toEqual(['cart-1', 'cart-2']);
  });
});

describe('a match by source', () => {
  const web = { namespace: '', workloadUids: ['cluster//Pod/shop/web-1'] };

  it('takes the namespace of the identity, not that of the workload at the address', () => {
    const routes = [answerOf('shop', { namespace: 'shop', workloadUids: null }), answerOf('others')];
    const bed = start({ endpoints: {}, routes });
    expect(ask(bed, new Client(bed, 'HTTP/1.1'))).toBe('shop');
    expect(ask(bed, new Client(bed, 'HTTP/1.1', principal('elsewhere')))).toBe('others');
  });

  it('takes a workload by its address only together with its identity', () => {
    const bed = start({ endpoints: {}, routes: [answerOf('web', web), answerOf('others')] });
    expect(ask(bed, new Client(bed, 'HTTP/1.1'))).toBe('web');
    expect(ask(bed, new Client(bed, 'HTTP/1.1', principal('shop', 'admin')))).toBe('others');
    expect(ask(bed, new Client(bed, 'HTTP/1.1', principal('elsewhere')))).toBe('others');
  });

  it('knows a client by the time that the mesh does', () => {
    const later = { namespace: '', workloadUids: ['cluster//Pod/shop/web-2'] };
    const bed = start({ endpoints: {}, routes: [answerOf('web-2', later), answerOf('others')] });
    const client = new Client(bed, 'HTTP/2');
    expect(ask(bed, client)).toBe('others');
    bed.tellWorkloads(workload('web-1', { addresses: ['127.0.0.9'] }), workload('web-2', { addresses: ['127.0.0.1'] }));
    expect(ask(bed, client)).toBe('web-2');
  });
});
