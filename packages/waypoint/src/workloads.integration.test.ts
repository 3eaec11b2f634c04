import { describe, expect, it } from 'vitest';
import { answering, Client, Raw, raw } from './test-application.ts';
import { start } from './test-start.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { boundWorkload } from './test-models.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const refusing: EndpointBehaviour = (tunnel) => {
  tunnel.refuse(503, []);
};

/** Greets, and says by whom it was asked for which CONNECT: what policies at the pod judge. */
const greeting: EndpointBehaviour = (tunnel) => {
  const server = new Raw();
  server.endpoint = tunnel.open([], server);
  server.write(`hello ${tunnel.peer.principal} at ${tunnel.authority}\r\n`);
};

const MESH = 'spiffe://cluster.local/ns/shop/sa';

describe('a client that dials the pod of a waypoint', () => {
  const dialled = (bed: TestWaypoint, name: string, port: number): string => `${bed.endpoint(name).ip}:${port}`;

  it.each(['HTTP/1.1', 'HTTP/2'] as const)('speaks %s with that pod and none other', (version) => {
    const hello = answering(version, 200, ({ endpoint }) => endpoint);
    const bed = start({ endpoints: { 'cart-1': hello, 'cart-2': hello, 'cart-3': hello } });
    bed.serveWorkload('cart-2', { 8080: version === 'HTTP/2' ? 'http2' : 'http1' });
    const client = new Client(bed, version, undefined, dialled(bed, 'cart-2', 8080));
    for (let count = 0; count < 10; count++) {
      const answer = client.send({});
      bed.loop.until(() => answer.settled);
      expect([answer.status, answer.body]).toEqual([200, 'cart-2']);
    }
    const line = bed.lines().at(-1) ?? '';
    expect(line).toContain('workload|8080||cluster//Pod/shop/cart-2');
    expect(line).toContain(dialled(bed, 'cart-2', 8080));
  });

  it('finds HTTP on a port that nobody declares, and the request is seen', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
    bed.serveWorkload('cart-1');
    const client = new Client(bed, 'HTTP/1.1', undefined, dialled(bed, 'cart-1', 9999));
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.field('x-envoy-upstream-service-time') !== undefined]).toEqual([200, true]);
  });

  it.each([
    ['declared TCP', 6379],
    ['that nobody declares', 9999],
  ])('is greeted by a server that speaks first on a port %s', (_what, port) => {
    const bed = start({ endpoints: { 'cart-1': greeting, 'cart-2': greeting } });
    bed.serveWorkload('cart-2', { 6379: 'tcp' });
    const client = raw(bed, dialled(bed, 'cart-2', port));
    bed.loop.until(() => client.text.length > 0);
    expect(client.text).toBe(`hello ${MESH}/waypoint at ${dialled(bed, 'cart-2', port)}\r\n`);
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
  });

  it('reaches it also while it is not ready', () => {
    const bed = start({ endpoints: { 'cart-1': greeting } });
    bed.serveWorkload('cart-1');
    bed.tellWorkloads(boundWorkload(bed.endpoint('cart-1'), { healthy: false }));
    const client = raw(bed, dialled(bed, 'cart-1', 9999));
    bed.loop.until(() => client.text.length > 0);
  });

  it.each([
    ['refuses', { 'cart-1': refusing }, {}],
    ['proves another identity', { 'cart-1': greeting }, { 'cart-1': `${MESH}/thief` }],
  ])('is told when it %s; nothing is tried elsewhere, and Services use it as before', (_what, first, principals) => {
    const bed = start({
      protocol: 'tcp',
      endpoints: { ...first, 'cart-2': greeting },
      endpointPrincipals: principals,
    });
    bed.serveWorkload('cart-1', { 6379: 'tcp', 8080: 'http1' });
    expect(bed.tryOpen(new Raw(), dialled(bed, 'cart-1', 6379))).toMatchObject({ status: 503 });
    const client = new Client(bed, 'HTTP/1.1', undefined, dialled(bed, 'cart-1', 8080));
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(503);
    expect(bed.endpoint('cart-2').tunnels).toBe(0);
    expect(bed.thread.choice.quarantine.empty).toBe(true);
    expect(bed.lines().some((line) => line.includes(' UF '))).toBe(true);
  });

  it('is refused when that pod asks for no waypoint, and while the waypoint does not know it', () => {
    const bed = start({ endpoints: { 'cart-1': greeting } });
    const target = dialled(bed, 'cart-1', 8080);
    expect(bed.tryOpen(new Raw(), target)).toMatchObject({ status: 400 });
    expect(bed.lines().at(-1)).toContain('AMBIT_WAYPOINT_UNKNOWN_SERVICE');
    bed.tellWorkloads(boundWorkload(bed.endpoint('cart-1')));
    expect(bed.tryOpen(new Raw(), target)).toMatchObject({ status: 503 });
    expect(bed.lines().at(-1)).toContain('AMBIT_WAYPOINT_NOT_SERVED');
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
  });

  it('is not led to another pod that has got the address meanwhile', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
    const { ip } = bed.endpoint('cart-1');
    bed.serveWorkload('cart-1', { 8080: 'http1' });
    const client = new Client(bed, 'HTTP/1.1', undefined, dialled(bed, 'cart-1', 8080));
    const first = client.send({});
    bed.loop.until(() => first.settled);
    expect(first.status).toBe(200);
    bed.tellWorkloads(
      boundWorkload(bed.endpoint('cart-1'), { addresses: ['127.9.9.9'] }),
      boundWorkload(bed.endpoint('cart-1'), { uid: 'cluster//Pod/shop/other', name: 'other', addresses: [ip] }),
    );
    const second = client.send({});
    bed.loop.until(() => second.settled);
    expect(second.status).toBe(503);
  });

  it.each<[string, EndpointBehaviour, 'http1' | 'tcp']>([
    ['bytes', greeting, 'tcp'],
    ['bytes that it refuses', refusing, 'tcp'],
    ['requests that it refuses', refusing, 'http1'],
  ])('leaves nothing of a port behind that it dialled for %s', (_what, behaviour, protocol) => {
    const bed = start({ endpoints: { 'cart-1': behaviour } });
    bed.serveWorkload('cart-1', { 8080: protocol });
    const port = { ip: bed.endpoint('cart-1').ip, port: 8080 };
    const [cluster] = bed.thread.services.find(bed.endpoint('cart-1').uid)?.clusters.values() ?? [];
    const kept = (): unknown => {
      const chosen = cluster?.choose([], { address: port, dialled: port });
      return typeof chosen === 'object' ? chosen.upstream : undefined;
    };
    const before = kept();
    expect(kept()).toBe(before);
    if (protocol === 'tcp') {
      bed.tryOpen(new Raw(), dialled(bed, 'cart-1', 8080));
    } else {
      const answer = new Client(bed, 'HTTP/1.1', undefined, dialled(bed, 'cart-1', 8080)).send({});
      bed.loop.until(() => answer.settled);
    }
    expect(kept()).not.toBe(before);
  });

  it('is refused on its open connection as soon as the waypoint serves the pod no more', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
    bed.serveWorkload('cart-1', { 8080: 'http1' });
    const client = new Client(bed, 'HTTP/1.1', undefined, dialled(bed, 'cart-1', 8080));
    bed.thread.services.remove('shop/waypoint/cluster//Pod/shop/cart-1');
    const answer = client.send({});
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(503);
  });
});
