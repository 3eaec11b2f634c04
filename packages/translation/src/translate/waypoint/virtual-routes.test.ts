import { create, toJson } from '@bufbuild/protobuf';
import { HttpRouteSchema } from '@ambit/proto/waypoint';
import { expect, it } from 'vitest';
import { decodeManifests } from '../../decode.ts';
import { buildModel } from '../../model.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';
import { podUid } from '../workload.ts';
import { SourceWorkloads } from './source-workloads.ts';
import { virtualRoutes } from './virtual-routes.ts';

const PODS = `
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, labels: {app: a, tier: gold}}, spec: {containers: [{name: c, image: c}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop, labels: {app: a}}, spec: {containers: [{name: c, image: c}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: other, labels: {app: a}}, spec: {containers: [{name: c, image: c}]}}
`;

/** The routes of a waypoint, as JSON, that one entry of `http` becomes at port 8080. */
function routesOf(http: string): unknown[] {
  const manifest = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: web, namespace: shop}, spec: {hosts: [web], http: [${http}]}}`;
  const decoded = decodeManifests('a.yaml', `${manifest}\n---\n${PODS}`);
  expect(decoded.problems).toEqual([]);
  const { model } = buildModel([{ role: 'manifest', decoded }]);
  const [route] = model.virtualServices.get('shop/web')?.spec.http ?? [];
  return virtualRoutes(route ?? {}, 'r', {
    port: 8080,
    sources: new SourceWorkloads(
      Array.from(model.pods.values(), (pod) => {
        const { namespace, labels } = pod.metadata;
        return { uid: podUid(pod, DEFAULT_SETTINGS), namespace, labels };
      }),
    ),
    clusterOf: ({ host, subset = '' }) => `${host}/${subset}`,
  }).map((init) => toJson(HttpRouteSchema, create(HttpRouteSchema, init)));
}

const TO = 'route: [{destination: {host: web}}]';
const FORWARD = { destinations: [{ cluster: 'web/', weight: 100 }] };

it.each([
  ['an unmatched path: octets after the first slash', '', [{ prefix: { prefix: '/', replacement: '/v2' } }]],
  ['a prefix: the prefix', 'match: [{uri: {prefix: /old/}}],', [{ prefix: { prefix: '/old/', replacement: '/v2' } }]],
  ['an exact path: the whole', 'match: [{uri: {exact: /old}}],', [{ full: '/v2' }]],
  ['an expression: the whole', 'match: [{uri: {regex: "/o.*"}}],', [{ full: '/v2' }]],
  [
    'several: each its own, neighbours that agree together',
    'match: [{uri: {exact: /a}}, {uri: {regex: b}}, {uri: {prefix: /c}}, {uri: {exact: /d}}],',
    [{ full: '/v2' }, { prefix: { prefix: '/c', replacement: '/v2' } }, { full: '/v2' }],
  ],
])('rewrite.uri in place of %s', (_, match, paths) => {
  expect(routesOf(`{${match} rewrite: {uri: /v2}, ${TO}}`)).toMatchObject(
    paths.map((path) => ({ forward: { ...FORWARD, rewrite: { path } } })),
  );
});

it.each([
  ['{authority: other.example}', { authority: 'other.example' }],
  [
    '{uriRegexRewrite: {match: "/a/([^/]+)", rewrite: "/b/\\\\1"}}',
    { path: { regex: { regex: '/a/([^/]+)', substitution: '/b/\\1' } } },
  ],
])('rewrite %s', (rewrite, expected) => {
  expect(routesOf(`{rewrite: ${rewrite}, ${TO}}`)).toMatchObject([{ forward: { ...FORWARD, rewrite: expected } }]);
});

it.each([
  ['{uri: /new}', { status: 301, choice: 'AS_REQUESTED', path: { full: '/new' } }],
  ['{authority: a.example}', { status: 301, hostname: 'a.example', choice: 'IMPLIED_BY_SCHEME' }],
  ['{authority: "a.example:8443"}', { status: 301, hostname: 'a.example', number: 8443 }],
  ['{authority: "[::1]:81", redirectCode: 308}', { status: 308, hostname: '[::1]', number: 81 }],
  ['{authority: a.example, port: 99}', { status: 301, hostname: 'a.example', number: 99 }],
  ['{scheme: https}', { status: 301, scheme: 'https', choice: 'AS_REQUESTED' }],
  ['{scheme: https, port: 8443}', { status: 301, scheme: 'https', number: 8443 }],
  ['{derivePort: FROM_REQUEST_PORT, redirectCode: 302}', { status: 302, number: 8080 }],
  ['{derivePort: FROM_PROTOCOL_DEFAULT}', { status: 301, choice: 'IMPLIED_BY_SCHEME' }],
])('redirect %s', (redirect, expected) => {
  expect(routesOf(`{redirect: ${redirect}}`)).toEqual([{ name: 'r', redirect: expected }]);
});

it('redirect.prefixRewrite in place of the prefix that was matched, of the whole path otherwise', () => {
  expect(
    routesOf('{match: [{uri: {prefix: /old}}, {uri: {exact: /x}}], redirect: {prefixRewrite: /new}}'),
  ).toMatchObject([
    { redirect: { path: { prefix: { prefix: '/old', replacement: '/new' } } } },
    { redirect: { path: { full: '/new' } } },
  ]);
});

it('headers of both levels, in lower case and sorted, %% as a percent sign', () => {
  const headers =
    '{request: {set: {X-B: "100%%", X-A: a}, add: {X-C: c}, remove: [X-D]}, response: {remove: [server]}}';
  expect(
    routesOf(`{headers: ${headers}, route: [{destination: {host: web}, headers: {response: {add: {v: "1"}}}}]}`),
  ).toEqual([
    {
      name: 'r',
      requestHeaders: {
        set: [
          { name: 'x-a', value: 'a' },
          { name: 'x-b', value: '100%' },
        ],
        add: [{ name: 'x-c', value: 'c' }],
        remove: ['x-d'],
      },
      responseHeaders: { remove: ['server'] },
      forward: expect.objectContaining({
        destinations: [{ cluster: 'web/', weight: 100, responseHeaders: { add: [{ name: 'v', value: '1' }] } }],
      }) as unknown,
    },
  ]);
});

it.each([
  ['set on the route', '{headers: {request: {set: {Host: a.example}}}, $TO}', { rewrite: { authority: 'a.example' } }],
  ['added on the route', '{headers: {request: {add: {":authority": a}}}, $TO}', { rewrite: { authority: 'a' } }],
  [
    'of a destination',
    '{route: [{destination: {host: web}, headers: {request: {set: {host: a.example}}}}]}',
    { destinations: [{ ...FORWARD.destinations[0], rewrite: { authority: 'a.example' } }] },
  ],
  [
    'of a destination, when the route has one: that of the route',
    '{rewrite: {authority: b}, route: [{destination: {host: web}, headers: {request: {set: {host: a}}}}]}',
    { rewrite: { authority: 'b' }, destinations: FORWARD.destinations },
  ],
])('the host as a header %s', (_, http, expected) => {
  const [route] = routesOf(http.replace('$TO', TO));
  expect(route).toMatchObject({ forward: expected });
  expect(route).not.toHaveProperty('requestHeaders');
});

it.each([
  ['mirror: {host: m}', [{ cluster: 'm/', perMillion: 1_000_000 }]],
  ['mirror: {host: m, subset: v2}, mirrorPercentage: {value: 0.1}', [{ cluster: 'm/v2', perMillion: 1000 }]],
  ['mirror: {host: m}, mirrorPercentage: {value: 0.57}', [{ cluster: 'm/', perMillion: 5700 }]],
  ['mirror: {host: m}, mirrorPercent: 7', [{ cluster: 'm/', perMillion: 70_000 }]],
  ['mirror: {host: m}, mirror_percent: 7', [{ cluster: 'm/', perMillion: 70_000 }]],
  ['mirror: {host: m}, mirror_percent: 7, mirrorPercentage: {value: 8}', [{ cluster: 'm/', perMillion: 80_000 }]],
  ['mirror: {host: m}, mirrorPercentage: {value: 0}', undefined],
  ['mirror: {host: m}, mirrorPercentage: {}', undefined],
  ['mirrorPercentage: {value: 5}', undefined],
  [
    'mirror: {host: a}, mirrors: [{destination: {host: b}, percentage: {value: 50}}, {destination: {host: c}}]',
    [
      { cluster: 'a/', perMillion: 1_000_000 },
      { cluster: 'b/', perMillion: 500_000 },
      { cluster: 'c/', perMillion: 1_000_000 },
    ],
  ],
])('%s', (mirror, expected) => {
  const [route] = routesOf(`{${mirror}, ${TO}}`) as { forward: { mirrors?: unknown } }[];
  expect(route?.forward.mirrors).toEqual(expected);
});

it.each([
  ['{delay: {fixedDelay: 5s, percentage: {value: 10}}}', { delay: { delayMs: 5000, perMillion: 100_000 } }],
  ['{delay: {fixedDelay: 1s, percent: 3}}', { delay: { delayMs: 1000, perMillion: 30_000 } }],
  ['{delay: {fixedDelay: 1s}}', undefined],
  ['{abort: {httpStatus: 503, percentage: {value: 0.1}}}', { abort: { httpStatus: 503, perMillion: 1000 } }],
  [
    '{abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}',
    { abort: { grpcStatus: 14, perMillion: 1_000_000 } },
  ],
  ['{abort: {grpcStatus: OK, percentage: {value: 5}}}', { abort: { grpcStatus: 0, perMillion: 50_000 } }],
  ['{abort: {httpStatus: 500}}', undefined],
])('fault %s', (fault, expected) => {
  const [route] = routesOf(`{fault: ${fault}, ${TO}}`) as { fault?: unknown }[];
  expect(route?.fault).toEqual(expected);
});

it.each([
  [
    '{allowOrigins: [{exact: "https://a"}, {prefix: "https://b"}, {regex: ".*c"}], allowMethods: [GET], maxAge: 24h}',
    {
      allowOrigins: [{ exact: 'https://a' }, { prefix: 'https://b' }, { regex: '.*c' }],
      allowMethods: ['GET'],
      maxAgeSeconds: 86_400,
      forwardUnmatchedPreflights: true,
    },
  ],
  ['{allowOrigin: ["*", "https://a"]}', { allowOrigins: [{ present: true }, { exact: 'https://a' }] }],
  ['{allowOrigins: [{exact: "*"}], allowOrigin: [a]}', { allowOrigins: [{ present: true }] }],
  [
    '{allowHeaders: [x-a], exposeHeaders: [X-B], allowCredentials: true, unmatchedPreflights: IGNORE}',
    { allowHeaders: ['x-a'], exposeHeaders: ['X-B'], allowCredentials: true },
  ],
])('corsPolicy %s', (policy, expected) => {
  const [route] = routesOf(`{corsPolicy: ${policy}, ${TO}}`) as { cors: object }[];
  expect(route?.cors).toEqual({
    ...(policy.includes('IGNORE') ? {} : { forwardUnmatchedPreflights: true }),
    ...expected,
  });
});

it.each([
  ['{status: 204}', { status: 204 }],
  ['{status: 200, body: {string: hello}}', { status: 200, body: 'hello' }],
  ['{status: 200, body: {bytes: aMOp}}', { status: 200, body: 'hé' }],
])('directResponse %s', (response, expected) => {
  expect(routesOf(`{directResponse: ${response}}`)).toEqual([{ name: 'r', directResponse: expected }]);
});

it.each([
  ['{sourceNamespace: shop}', { namespace: 'shop' }],
  [
    '{sourceLabels: {app: a}}',
    { workloadUids: ['Kubernetes//Pod/other/a', 'Kubernetes//Pod/shop/a', 'Kubernetes//Pod/shop/b'], byWorkload: true },
  ],
  [
    '{sourceLabels: {app: a, tier: gold}, sourceNamespace: shop}',
    { namespace: 'shop', workloadUids: ['Kubernetes//Pod/shop/a'], byWorkload: true },
  ],
  ['{sourceLabels: {app: nobody}}', { byWorkload: true }],
])('a client by %s', (match, source) => {
  expect(routesOf(`{match: [${match}], ${TO}}`)).toMatchObject([{ matches: [{ source }] }]);
});

it('a match for another port or for gateways alone is left out, and the route with its last', () => {
  const [elsewhere, ingress] = ['{port: 81}', '{uri: {prefix: /a}, gateways: [ingress]}'];
  expect(routesOf(`{match: [${elsewhere}, ${ingress}], ${TO}}`)).toEqual([]);
  expect(routesOf(`{match: [${elsewhere}, {uri: {exact: /b}, port: 8080}], ${TO}}`)).toMatchObject([
    { matches: [{ path: { exact: '/b' } }] },
  ]);
});

it('a header that must be there, and one that must be empty', () => {
  expect(routesOf(`{match: [{headers: {X-A: {}, x-b: {regex: "*"}, x-c: {exact: ""}}}], ${TO}}`)).toMatchObject([
    {
      matches: [
        {
          headers: [
            { name: 'x-a', value: { present: true } },
            { name: 'x-b', value: { present: true } },
            { name: 'x-c', value: { exact: '' } },
          ],
        },
      ],
    },
  ]);
});
