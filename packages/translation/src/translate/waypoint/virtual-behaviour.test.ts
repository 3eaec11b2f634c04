import { toBinary } from '@bufbuild/protobuf';
import { type CompiledPort, compileService } from '@ambit/traffic/compiled-service';
import { drawDestination } from '@ambit/traffic/destination';
import { findRoute } from '@ambit/traffic/match/find-route';
import { routesOf } from '@ambit/traffic/match/routes-of';
import type { TrafficSource } from '@ambit/traffic/match/source-matcher';
import { readServedService } from '@ambit/traffic/model/read-served-service';
import { RequestFacts } from '@ambit/traffic/request/request-facts';
import { ServedServiceSchema } from '@ambit/proto/waypoint';
import { expect, it } from 'vitest';
import { decodeManifests } from '../../decode.ts';
import { buildModel } from '../../model.ts';
import { translate } from '../../translate.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';

// A VirtualService and a request, taken through the waypoint's own matching and rewriting.

const MESH = `
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: waypoint, namespace: shop}, spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/use-waypoint: waypoint}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: other, namespace: shop}, spec: {clusterIP: 10.96.0.2, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: gold, namespace: shop, labels: {tier: gold}}, spec: {containers: [{name: c, image: c}]}, status: {podIP: 10.0.0.1}}
---
`;

const GOLD: TrafficSource = { namespace: 'shop', workloadUid: 'Kubernetes//Pod/shop/gold' };
const STRANGER: TrafficSource = { namespace: 'far', workloadUid: undefined };

interface Request {
  readonly path: string;
  readonly method?: string;
  /** `name: value`. */
  readonly headers?: readonly string[];
  readonly client?: TrafficSource;
}

/** What becomes of a request under entries of `http`: who gets it as what, or how it is answered. */
function outcomeOf(http: string, request: Request, more = ''): string {
  const port = portWith(http, more);
  const { path, method = 'GET', headers = [], client = STRANGER } = request;
  const fields = [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'web:80'],
    [':path', path],
  ]
    .concat(headers.map((header) => header.split(': ')))
    .flat();
  const facts = RequestFacts.read(fields);
  if (typeof facts === 'string') return facts;
  const action = findRoute(routesOf(port, client), facts)?.action;
  switch (action?.kind) {
    case undefined:
      return '404';
    case 'direct-response':
      return `${action.answer.status} ${action.answer.body}`;
    case 'redirect':
      return action.redirect.answer(facts).fields.join(' ');
    case 'forward': {
      const { cluster, rewrite } = drawDestination(action.destinations, () => 0) ?? {};
      const rewritten = rewrite?.path?.rewrite(facts.path) ?? facts;
      if ('refusal' in rewritten) return rewritten.refusal;
      const [, , , host = 'nobody'] = cluster?.name.split('|') ?? [];
      return `${host.split('.')[0] ?? ''} gets ${rewritten.path} for ${rewrite?.authority ?? facts.authority}`;
    }
  }
}

function portWith(http: string, more: string): CompiledPort {
  const virtual = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: web, namespace: shop}, spec: {hosts: [web], http: [${http}]}}`;
  const decoded = decodeManifests('a.yaml', `${MESH}${virtual}\n---\n${more}`);
  expect(decoded.problems).toEqual([]);
  const { model } = buildModel([{ role: 'manifest', decoded }]);
  const translation = translate(model, DEFAULT_SETTINGS);
  const served = translation.servedServices.get('shop/waypoint/shop/web.shop.svc.cluster.local');
  const bytes = served === undefined ? new Uint8Array() : toBinary(ServedServiceSchema, served);
  const port = compileService(readServedService(bytes)).ports.get(80);
  if (port === undefined) throw new Error('port 80 is not served');
  return port;
}

const [WEB, OTHER] = ['route: [{destination: {host: web}}]', 'route: [{destination: {host: other}}]'];

it.each<[string, string, Request, string]>([
  [
    'a prefix',
    `{match: [{uri: {prefix: /api/}}], rewrite: {uri: /}, ${WEB}}`,
    { path: '/api/a?b=c' },
    'web gets /a for web:80',
  ],
  [
    'a prefix in the middle of a word',
    `{match: [{uri: {prefix: /api}}], rewrite: {uri: /v2}, ${WEB}}`,
    { path: '/apis' },
    'web gets /v2s for web:80',
  ],
  [
    'a prefix in another case',
    `{match: [{uri: {prefix: /API}, ignoreUriCase: true}], rewrite: {uri: /v2}, ${WEB}}`,
    { path: '/api/a' },
    'web gets /v2/a for web:80',
  ],
  [
    'an exact path',
    `{match: [{uri: {exact: /a}}], rewrite: {uri: /b}, ${WEB}}`,
    { path: '/a' },
    'web gets /b for web:80',
  ],
  [
    'an expression',
    `{match: [{uri: {regex: "/a.*"}}], rewrite: {uri: /b}, ${WEB}}`,
    { path: '/abc/d' },
    'web gets /b for web:80',
  ],
  ['no path', `{rewrite: {uri: /b}, ${WEB}}`, { path: '/a' }, 'web gets /ba for web:80'],
  [
    'the first of two matches',
    `{match: [{uri: {exact: /a/b}}, {uri: {prefix: /a}}], rewrite: {uri: /c}, ${WEB}}`,
    { path: '/a/b' },
    'web gets /c for web:80',
  ],
  [
    'the second of two matches',
    `{match: [{uri: {exact: /a/b}}, {uri: {prefix: /a}}], rewrite: {uri: /c}, ${WEB}}`,
    { path: '/a/b/d' },
    'web gets /c/b/d for web:80',
  ],
  [
    'groups of an expression',
    `{rewrite: {uriRegexRewrite: {match: "^/([^/]+)/(.*)$", rewrite: '/\\2/\\1'}}, ${WEB}}`,
    { path: '/a/b/c' },
    'web gets /b/c/a for web:80',
  ],
  ['the host', `{rewrite: {authority: a.example}, ${WEB}}`, { path: '/' }, 'web gets / for a.example'],
  [
    'the host by a header',
    `{headers: {request: {set: {Host: a.example}}}, ${WEB}}`,
    { path: '/' },
    'web gets / for a.example',
  ],
])('a rewrite of what was matched by %s', (_, http, request, expected) => {
  expect(outcomeOf(http, request)).toBe(expected);
});

it.each<[string, string, string]>([
  ['redirect: {uri: /b}', '/a?q', 'location http://web/b?q'],
  ['match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}', '/a/c', 'location http://web/b/c'],
  ['match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}', '/a', 'location http://web/b'],
  ['redirect: {scheme: https, port: 8443}', '/a', 'location https://web:8443/a'],
  ['redirect: {authority: x, derivePort: FROM_REQUEST_PORT}', '/a', 'location http://x/a'],
  ['redirect: {authority: "x:81"}', '/a', 'location http://x:81/a'],
  ['redirect: {authority: x}', '/a', 'location http://x/a'],
])('%s sends %s to %s', (http, path, expected) => {
  expect(outcomeOf(`{${http}}`, { path })).toBe(expected);
});

it.each<[string, TrafficSource | undefined, string]>([
  ['{sourceNamespace: shop}', GOLD, 'other'],
  ['{sourceNamespace: shop}', STRANGER, 'web'],
  ['{sourceLabels: {tier: gold}}', GOLD, 'other'],
  ['{sourceLabels: {tier: gold}}', { namespace: 'shop', workloadUid: undefined }, 'web'],
  ['{sourceLabels: {tier: silver}}', GOLD, 'web'],
  ['{sourceLabels: {tier: gold}, sourceNamespace: far}', GOLD, 'web'],
])('a match by %s of %j leads to %s', (match, client, expected) => {
  const http = `{match: [${match}], ${OTHER}}, {${WEB}}`;
  expect(outcomeOf(http, { path: '/', ...(client === undefined ? {} : { client }) })).toContain(`${expected} gets`);
});

it.each<[string, readonly string[], string]>([
  ['{headers: {x-user: {exact: jason}}}', ['x-user: jason'], 'other'],
  ['{headers: {x-user: {regex: "*"}}}', ['x-user: anybody'], 'other'],
  ['{headers: {x-user: {}}}', [], 'web'],
  ['{headers: {cookie: {regex: "^(.*?;)?(user=test)(;.*)?$"}}}', ['cookie: a=b;user=test;c=d'], 'other'],
  ['{withoutHeaders: {x-user: {}}}', ['x-user: anybody'], 'web'],
  ['{withoutHeaders: {x-user: {exact: jason}}}', ['x-user: anybody'], 'other'],
  ['{withoutHeaders: {x-user: {exact: jason}}}', [], 'other'],
  ['{headers: {constructor: {exact: a}}}', ['constructor: a'], 'other'],
  ['{headers: {constructor: {}}}', [], 'web'],
  ['{headers: {__proto__: {exact: a}}}', ['__proto__: a'], 'other'],
  ['{headers: {__proto__: {exact: a}}}', [], 'web'],
  ['{headers: {x-user: {exact: "{{ .Values.a }} %s ${b}"}}}', ['x-user: {{ .Values.a }} %s ${b}'], 'other'],
  ['{queryParams: {tostring: {exact: a}}}', [], 'web'],
  ['{sourceLabels: {constructor: a}}', [], 'web'],
])('a match by %s of a request with %j leads to %s', (match, headers, expected) => {
  expect(outcomeOf(`{match: [${match}], ${OTHER}}, {${WEB}}`, { path: '/', headers })).toContain(`${expected} gets`);
});

it('a delegate gets what its root lets through, and routes of the root follow', () => {
  const delegate = `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: d, namespace: team}, spec: {http: [{match: [{uri: {prefix: /team/a}}], rewrite: {uri: /a}, route: [{destination: {host: other.shop.svc.cluster.local}}]}]}}`;
  const http = `{match: [{uri: {prefix: /team}, method: {exact: GET}}], delegate: {name: d, namespace: team}}, {match: [{uri: {prefix: /}}], directResponse: {status: 418, body: {string: teapot}}}`;
  expect(outcomeOf(http, { path: '/team/a/b' }, delegate)).toBe('other gets /a/b for web:80');
  expect(outcomeOf(http, { path: '/team/a/b', method: 'PUT' }, delegate)).toBe('418 teapot');
  expect(outcomeOf(http, { path: '/team/b' }, delegate)).toBe('418 teapot');
});

it('a destination that is not there gets nothing, and what no route matches is answered with 404', () => {
  expect(
    outcomeOf('{match: [{uri: {prefix: /a}}], route: [{destination: {host: nowhere}}]}', { path: '/a' }),
  ).toContain('nobody');
  expect(outcomeOf(`{match: [{uri: {prefix: /a}}], ${WEB}}`, { path: '/b' })).toBe('404');
});
