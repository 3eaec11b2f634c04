import type { Redirect } from '@ambit/traffic/model/route-filters';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, Client, type Seen } from './test-application.ts';
import { clusterName } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  expect(answer.reset).toBeUndefined();
  return answer;
}

const VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;
const full = (path: string): Partial<Redirect> => ({ path: { kind: 'full', path } });
const prefix = (from: string, to: string, bySegment = true): Partial<Redirect> => ({
  path: { kind: 'prefix', prefix: from, replacement: to, bySegment },
});

describe.each(VERSIONS)('a redirect of a request of %s', (version) => {
  it.each<[string, Partial<Redirect>, string, string, string]>([
    ['nothing', {}, 'cart', '/old/a?q=1', 'http://cart/old/a?q=1'],
    ['the scheme', { scheme: 'https' }, 'cart', '/', 'https://cart/'],
    ['the scheme, the port that was asked for stays', { scheme: 'https' }, 'cart:8080', '/', 'https://cart:8080/'],
    ['the scheme and its port', { scheme: 'https', port: 'implied-by-scheme' }, 'cart:8080', '/', 'https://cart/'],
    ['the host', { hostname: 'o.example' }, 'cart', '/', 'http://o.example/'],
    ['the host, the port that was asked for stays', { hostname: 'o.example' }, 'cart:81', '/', 'http://o.example:81/'],
    ['the port', { port: 8443 }, 'cart:81', '/', 'http://cart:8443/'],
    ['the port by one that the scheme implies', { port: 80 }, 'cart:81', '/', 'http://cart/'],
    ['the scheme and a port that it implies', { scheme: 'https', port: 443 }, 'cart', '/', 'https://cart/'],
    ['the path', full('/new'), 'cart', '/old/a?q=1', 'http://cart/new?q=1'],
    ['a prefix', prefix('/old', '/new'), 'cart', '/old/a?q=1', 'http://cart/new/a?q=1'],
    ['a prefix that is all of it', prefix('/old', '/new'), 'cart', '/old', 'http://cart/new'],
    ['a prefix away', prefix('/old', '/'), 'cart', '/old/a', 'http://cart/a'],
    ['a prefix in the middle of a word', prefix('/o', '/ne', false), 'cart', '/old', 'http://cart/neld'],
    [
      'everything',
      { scheme: 'https', hostname: 'o.example', port: 8443, ...full('/new') },
      'cart:81',
      '/old',
      'https://o.example:8443/new',
    ],
  ])('changes %s', (_, redirect, authority, path, location) => {
    const bed = start({ endpoints: {}, routes: [{ action: { kind: 'redirect', ...redirect } }] });
    const answer = settled(bed, new Client(bed, version).send({ ':authority': authority, ':path': path }));
    expect([answer.status, answer.field('location')]).toEqual([302, location]);
  });

  it.each([301, 302, 303, 307, 308])('has the status %i, and the connection goes on behind a body', (status) => {
    const bed = start({ endpoints: {}, routes: [{ action: { kind: 'redirect', status, hostname: 'o.example' } }] });
    const client = new Client(bed, version);
    for (const [method, body] of [['POST', 'body'], ['GET'], ['HEAD']] as const) {
      const answer = settled(bed, client.send({ ':method': method }, body));
      expect([answer.status, answer.field('location'), answer.bytes]).toEqual([status, 'http://o.example/', 0]);
    }
  });
});

describe.each(VERSIONS)('what an endpoint answers to %s clients', (version) => {
  it.each([200, 201, 203, 206, 226, 300, 301, 307, 308, 400, 401, 403, 404, 409, 418, 429, 451, 500, 501, 504, 599])(
    'arrives with its status %i, its Location and its content, whatever the route has rewritten',
    (status) => {
      const seen: Seen[] = [];
      const location = 'http://cart:8080/new/a?b#c';
      const echo = (one: Seen): string => {
        seen.push(one);
        return `body of ${status}`;
      };
      const bed = start({
        endpoints: { 'cart-1': answering(version, status, echo, ['location', location, 'x-reason', 'mine']) },
        action: {
          destinations: [{ cluster: clusterName() }],
          rewrite: { authority: 'other', path: { kind: 'full', path: '/new' } },
        },
      });
      const answer = settled(bed, new Client(bed, version).send({ ':path': '/old' }));
      expect([answer.status, answer.field('location'), answer.field('x-reason'), answer.body]).toEqual([
        status,
        location,
        'mine',
        `body of ${status}`,
      ]);
      expect(seen).toHaveLength(1);
    },
  );
});

describe.each(VERSIONS)('a direct response to %s clients', (version) => {
  it.each([
    [200, 'text/plain', 'tea'],
    [200, 'application/json', '{"tea":"ü"}'],
    [404, 'text/plain', ''],
    [503, 'text/html', '<p>closed</p>'],
    [204, 'text/plain', ''],
    [599, 'text/plain', 'x'.repeat(20_000)],
  ])('is %i of type %s', (status, contentType, body) => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'of the endpoint') },
      routes: [{ action: { kind: 'direct-response', status, contentType, body } }],
    });
    const client = new Client(bed, version);
    const bytes = Buffer.byteLength(body);
    for (const [method, sent] of [['GET'], ['POST', 'a body'], ['HEAD'], ['GET']] as const) {
      const answer = settled(bed, client.send({ ':method': method }, sent));
      expect([method, answer.status, Buffer.from(answer.body, 'latin1').toString()]).toEqual([
        method,
        status,
        method === 'HEAD' ? '' : body,
      ]);
      expect(answer.field('content-length')).toBe(status === 204 ? undefined : String(bytes));
      expect(answer.field('content-type')).toBe(bytes === 0 ? undefined : contentType);
    }
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
  });
});
