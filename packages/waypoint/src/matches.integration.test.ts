import type { HttpMatch, StringMatch } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { answering, Client, requestFields } from './test-application.ts';
import { clusterName } from './test-models.ts';
import type { TestRoute } from './test-routes.ts';
import { start } from './test-start.ts';

const text = (kind: StringMatch['kind'], value: string, ignoreCase = false): StringMatch => ({
  kind,
  text: value,
  ignoreCase,
});
const exact = (value: string, ignoreCase = false): StringMatch => text('exact', value, ignoreCase);
const present = text('present', '');
const named = (name: string, value: StringMatch) => [{ name, value }];
/** A head by pseudo fields and further ones, those that come twice included. */
const head = (pseudo: Readonly<Record<string, string>>, ...fields: string[]): string[] => [
  ...requestFields(pseudo),
  ...fields,
];

/** A match, requests that it takes and requests that it leaves. */
const CASES: readonly (readonly [string, Partial<HttpMatch>, readonly string[][], readonly string[][]])[] = [
  [
    'an exact path',
    { path: exact('/a') },
    [head({ ':path': '/a' }), head({ ':path': '/a?b' }), head({ ':path': '/x/../%61' })],
    [head({ ':path': '/a/' }), head({ ':path': '/A' }), head({ ':path': '/ab' })],
  ],
  [
    'an exact path in any case',
    { path: exact('/Cart', true) },
    [head({ ':path': '/cart' }), head({ ':path': '/CART' })],
    [head({ ':path': '/cart/' })],
  ],
  [
    'a prefix by segments',
    { path: text('path-prefix', '/a') },
    [head({ ':path': '/a' }), head({ ':path': '/a/b?c' })],
    [head({ ':path': '/ab' }), head({ ':path': '/b/a' })],
  ],
  [
    'a prefix by octets',
    { path: text('prefix', '/a') },
    [head({ ':path': '/ab' }), head({ ':path': '/a' })],
    [head({ ':path': '/b' }), head({ ':path': '/b?/a' })],
  ],
  [
    'a prefix by octets in any case',
    { path: text('prefix', '/API', true) },
    [head({ ':path': '/apis' })],
    [head({ ':path': '/ap' })],
  ],
  [
    'a path by an expression',
    { path: text('regex', '/v[12]/.*') },
    [head({ ':path': '/v1/' }), head({ ':path': '/v2/a/b' })],
    [head({ ':path': '/v3/' }), head({ ':path': '/v1' }), head({ ':path': '/a/v1/' })],
  ],
  [
    'a method',
    { method: exact('PUT') },
    [head({ ':method': 'PUT' })],
    [head({}), head({ ':method': 'put' }), head({ ':method': 'POST' })],
  ],
  ['a method by a prefix', { method: text('prefix', 'P') }, [head({ ':method': 'PATCH' })], [head({})]],
  ['a method by an expression', { method: text('regex', 'GET|HEAD') }, [head({})], [head({ ':method': 'GETS' })]],
  [
    'an authority',
    { authority: exact('cart.shop') },
    [head({ ':authority': 'cart.shop' }), head({ ':authority': 'CART.Shop' })],
    [head({ ':authority': 'cart.shop:80' }), head({ ':authority': 'cart' })],
  ],
  [
    'an authority by a prefix',
    { authority: text('prefix', 'cart.') },
    [head({ ':authority': 'Cart.shop:80' })],
    [head({ ':authority': 'a.cart.shop' })],
  ],
  [
    'an authority by an expression',
    { authority: text('regex', 'cart(:[0-9]+)?') },
    [head({ ':authority': 'cart:8080' }), head({})],
    [head({ ':authority': 'cart.shop' })],
  ],
  [
    'a header',
    { headers: named('x-user', exact('jason')) },
    [head({}, 'x-user', 'jason')],
    [head({}), head({}, 'x-user', 'Jason'), head({}, 'x-user', 'jason', 'x-user', 'other')],
  ],
  [
    'a header that comes twice',
    { headers: named('x-user', exact('a,b')) },
    [head({}, 'x-user', 'a', 'x-user', 'b'), head({}, 'x-user', 'a,b')],
    [head({}, 'x-user', 'b', 'x-user', 'a')],
  ],
  [
    'a header by a prefix in any case',
    { headers: named('x-user', text('prefix', 'JA', true)) },
    [head({}, 'x-user', 'jason')],
    [head({}, 'x-user', 'a jason')],
  ],
  [
    'a header by an expression',
    { headers: named('cookie', text('regex', '^(.*?;)?\\s*(user=test)(;.*)?$')) },
    [head({}, 'cookie', 'a=b; user=test'), head({}, 'cookie', 'a=b', 'cookie', 'user=test')],
    [head({}, 'cookie', 'a=b; user=tester'), head({})],
  ],
  ['a header of any value', { headers: named('x-user', present) }, [head({}, 'x-user', '')], [head({}, 'x-use', 'a')]],
  [
    'two headers',
    { headers: [...named('a', present), ...named('b', exact('1'))] },
    [head({}, 'b', '1', 'a', '2')],
    [head({}, 'a', '1'), head({}, 'b', '1'), head({}, 'a', '1', 'b', '2')],
  ],
  [
    'the host as a header',
    { headers: named('host', exact('cart.shop')) },
    [head({ ':authority': 'cart.shop' })],
    [head({})],
  ],
  [
    'no header of a name',
    { withoutHeaders: named('x-user', present) },
    [head({}), head({}, 'x-other', 'a')],
    [head({}, 'x-user', ''), head({}, 'x-user', 'a')],
  ],
  [
    'no header of a value',
    { withoutHeaders: named('x-user', exact('jason')) },
    [head({}), head({}, 'x-user', 'other')],
    [head({}, 'x-user', 'jason')],
  ],
  [
    'no header that an expression takes',
    { withoutHeaders: named('x-user', text('regex', 'j.*')) },
    [head({}), head({}, 'x-user', 'a j')],
    [head({}, 'x-user', 'j')],
  ],
  [
    'a query parameter as it is written',
    { queryParameters: named('user', exact('a%20b')) },
    [head({ ':path': '/?user=a%20b' }), head({ ':path': '/?x&user=a%20b&user=c' })],
    [head({ ':path': '/' }), head({ ':path': '/?user=c&user=a%20b' }), head({ ':path': '/?user=a+b' })],
  ],
  [
    'a query parameter by an expression',
    { queryParameters: named('v', text('regex', '[0-9]+')) },
    [head({ ':path': '/?v=12' })],
    [head({ ':path': '/?v=' }), head({ ':path': '/?v=1a' })],
  ],
  [
    'a query parameter of any value',
    { queryParameters: named('debug', present) },
    [head({ ':path': '/?debug' }), head({ ':path': '/?a=b&debug=' })],
    [head({ ':path': '/debug' }), head({ ':path': '/?x=debug' })],
  ],
  [
    'everything at once',
    { path: text('path-prefix', '/a'), method: exact('PUT'), headers: named('b', present) },
    [head({ ':path': '/a/c', ':method': 'PUT' }, 'b', '')],
    [
      head({ ':path': '/a/c', ':method': 'PUT' }),
      head({ ':path': '/a/c' }, 'b', ''),
      head({ ':method': 'PUT' }, 'b', ''),
    ],
  ],
  ['nothing', {}, [head({}), head({ ':path': '/any', ':method': 'DELETE' })], []],
];

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('a match of requests of %s', (version) => {
  it.each(CASES)('by %s', (_, match, taken, left) => {
    const bed = start({
      protocol: version === 'HTTP/2' ? 'http2' : 'http1',
      endpoints: { 'cart-1': answering(version, 200, 'matched'), 'cart-2': answering(version, 200, 'left') },
      subsets: { matched: ['cart-1'], left: ['cart-2'] },
      routes: [
        { matches: [match], action: { kind: 'forward', destinations: [{ cluster: clusterName('matched') }] } },
        { action: { kind: 'forward', destinations: [{ cluster: clusterName('left') }] } },
      ],
    });
    const client = new Client(bed, version);
    const asked = (fields: readonly string[]): string => {
      const answer = client.sendFields(fields);
      bed.loop.until(() => answer.settled);
      return `${answer.status} ${answer.body}`;
    };
    expect(taken.map(asked)).toEqual(taken.map(() => '200 matched'));
    expect(left.map(asked)).toEqual(left.map(() => '200 left'));
  });
});

it.each([
  ['HTTP/1.1', 'https', 'http'],
  ['HTTP/2', 'http', 'http'],
  ['HTTP/2', 'https', 'https'],
] as const)('the scheme of a request of %s that says %s is matched as %s', (version, said, matched) => {
  const routes = ['http', 'https'].map((scheme): TestRoute => {
    return { matches: [{ scheme: exact(scheme) }], action: { kind: 'direct-response', status: 200, body: scheme } };
  });
  const bed = start({ endpoints: {}, routes });
  const answer = new Client(bed, version).send({ ':scheme': said });
  bed.loop.until(() => answer.settled);
  expect([answer.status, answer.body]).toEqual([200, matched]);
});
