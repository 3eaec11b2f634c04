import { fieldValue } from '@ambit/http/h2/message-fields';
import { describe, expect, it } from 'vitest';
import { answering, Client, raw } from './test-application.ts';
import { clusterName } from './test-models.ts';
import { start } from './test-start.ts';
import { VIP } from './test-waypoint.ts';

const HOSTS = [
  'cart',
  'cart.shop',
  'cart.shop.svc',
  'cart.shop.svc.cluster.local',
  'cart.shop.svc.cluster.local.',
  'cart:80',
  'cart.shop.svc.cluster.local:80',
  'cart:8080',
  'CART.Shop',
  VIP,
  `${VIP}:80`,
  '[fd00::1]:80',
  'xn--bcher-kva.example',
  'elsewhere.example',
];

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('a request of %s to a Service', (version) => {
  it.each(HOSTS)(
    'goes there as %s too: what was dialled says where, and the endpoint sees the host as it was',
    (host) => {
      const bed = start({
        protocol: version === 'HTTP/2' ? 'http2' : 'http1',
        endpoints: { 'cart-1': answering(version, 200, ({ fields }) => fieldValue(fields, ':authority') ?? '') },
        routes: [
          {
            matches: [{ path: { kind: 'path-prefix', text: '/', ignoreCase: false } }],
            action: { kind: 'forward', destinations: [{ cluster: clusterName() }] },
          },
        ],
      });
      const answer = new Client(bed, version).send({ ':authority': host });
      bed.loop.until(() => answer.settled);
      expect([answer.status, answer.body]).toEqual([200, host]);
    },
  );
});

describe('a request of HTTP/1.1', () => {
  it.each([
    ['with an absolute target', 'GET http://cart/a?b HTTP/1.1\r\nHost: cart\r\n\r\n', 200, 'cart /a?b'],
    ['whose target has the host of another', 'GET http://other/a HTTP/1.1\r\nHost: cart\r\n\r\n', 400, ''],
    ['without a host', 'GET / HTTP/1.1\r\n\r\n', 400, ''],
    ['with an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, ''],
    ['with two hosts', 'GET / HTTP/1.1\r\nHost: cart\r\nHost: cart\r\n\r\n', 400, ''],
    ['with user information', 'GET / HTTP/1.1\r\nHost: me@cart\r\n\r\n', 400, ''],
    ['with a port that is none', 'GET / HTTP/1.1\r\nHost: cart:99999\r\n\r\n', 400, ''],
  ])('%s is answered with %i', (_, octets, status, seen) => {
    const bed = start({
      endpoints: {
        'cart-1': answering('HTTP/1.1', 200, ({ fields }) => {
          return `${fieldValue(fields, ':authority')} ${fieldValue(fields, ':path')}`;
        }),
      },
    });
    const client = raw(bed);
    client.write(octets);
    bed.loop.until(() => /\r\n\r\n/.test(client.text) && (seen === '' || client.text.endsWith(seen)));
    expect(client.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(bed.endpoint('cart-1').tunnels).toBe(seen === '' ? 0 : 1);
  });
});
