import { Protocol } from '@ambit/proto/waypoint';
import { describe, expect, it } from 'vitest';
import type { CompiledRoutes } from '../compiled-service.ts';
import { compiledPort, factsOf, forwardTo, type MatchInit, type PortInit, V1, V2 } from '../test-service.ts';
import { findRoute } from './find-route.ts';
import { routesOf } from './routes-of.ts';
import type { TrafficSource } from './source-matcher.ts';

const WEB: TrafficSource = { namespace: 'shop', workloadUid: 'cluster//Pod/shop/web-1' };
const STRANGER: TrafficSource = { namespace: 'shop', workloadUid: undefined };
const OUTSIDE: TrafficSource = { namespace: 'elsewhere', workloadUid: 'cluster//Pod/elsewhere/web-1' };

const names = ({ routes }: CompiledRoutes) => routes.map(({ name }) => name);
const clusters = ({ tcpDestinations }: CompiledRoutes) => tcpDestinations.all.map(({ cluster }) => cluster?.name);

describe('a client gets', () => {
  const ofPort = { routes: [forwardTo(V1, [], 'own')], tcpDestinations: [{ cluster: V1, weight: 1 }] };
  const http = { namespace: 'shop', routes: [forwardTo(V2, [], 'consumed')] };
  const tcp = { namespace: 'shop', tcpDestinations: [{ cluster: V2, weight: 1 }] };
  it.each<[string, NonNullable<PortInit['consumers']>, TrafficSource | undefined, string, string]>([
    ["the port's routes where nobody has other ones", [], WEB, 'own', V1],
    ['the routes of its namespace', [http], WEB, 'consumed', V1],
    ["the port's routes when other namespaces have their own", [http], OUTSIDE, 'own', V1],
    ["the port's routes when it has no identity", [http, { ...http, namespace: 'b' }], undefined, 'own', V1],
    ["its namespace's destinations with the port's routes", [tcp], STRANGER, 'own', V2],
    ['both of its namespace', [{ ...http, ...tcp }], WEB, 'consumed', V2],
  ])('%s', (_, consumers, source, route, cluster) => {
    const routes = routesOf(compiledPort({ protocol: Protocol.AUTO, ...ofPort, consumers }), source);
    expect([names(routes), clusters(routes)]).toEqual([[route], [cluster]]);
  });

  it('nothing else of the port when no route of its namespace matches', () => {
    const only: MatchInit = { path: { kind: { case: 'exact', value: '/a' } } };
    const consumers = [{ namespace: 'shop', routes: [forwardTo(V2, [only], 'consumed')] }];
    const port = compiledPort({ protocol: Protocol.HTTP1, routes: [forwardTo(V1, [], 'own')], consumers });
    expect(findRoute(routesOf(port, WEB), factsOf('/a'))?.name).toBe('consumed');
    expect(findRoute(routesOf(port, WEB), factsOf('/b'))).toBeUndefined();
    expect(findRoute(routesOf(port, OUTSIDE), factsOf('/b'))?.name).toBe('own');
  });
});

describe('a match by source', () => {
  const web = { byWorkload: true, workloadUids: [WEB.workloadUid ?? ''] };
  it.each<[string, MatchInit['source'], TrafficSource | undefined, boolean]>([
    ['namespace, the client is of it', { namespace: 'shop' }, STRANGER, true],
    ['namespace, the client is of another', { namespace: 'shop' }, OUTSIDE, false],
    ['namespace, the client has no identity', { namespace: 'shop' }, undefined, false],
    ['nothing, the client has an identity', {}, OUTSIDE, true],
    ['nothing, the client has no identity', {}, undefined, false],
    ['workload, the client is it', web, WEB, true],
    ['workload, the client is another', web, OUTSIDE, false],
    ['workload, nobody knows which the client is', web, STRANGER, false],
    ['labels that no workload carries', { byWorkload: true }, WEB, false],
    ['both, the client is both', { ...web, namespace: 'shop' }, WEB, true],
    ['both, only the workload is right', { ...web, namespace: 'elsewhere' }, WEB, false],
  ])('%s', (_, source, client, expected) => {
    const port = compiledPort({ protocol: Protocol.HTTP1, routes: [forwardTo(V1, [{ source }])] });
    expect(findRoute(routesOf(port, client), factsOf('/')) !== undefined).toBe(expected);
  });

  it('is one condition of several', () => {
    const path: MatchInit['path'] = { kind: { case: 'exact', value: '/a' } };
    const port = compiledPort({
      protocol: Protocol.HTTP1,
      routes: [
        forwardTo(
          V1,
          [{ source: { namespace: 'shop' }, path }, { method: { kind: { case: 'exact', value: 'PUT' } } }],
          'a',
        ),
        forwardTo(V2, [], 'b'),
      ],
    });
    const found = (client: TrafficSource, path: string, method: string) =>
      findRoute(routesOf(port, client), factsOf(path, [], method))?.name;
    expect([found(WEB, '/a', 'GET'), found(WEB, '/b', 'GET'), found(WEB, '/b', 'PUT')]).toEqual(['a', 'b', 'a']);
    expect([found(OUTSIDE, '/a', 'GET'), found(OUTSIDE, '/a', 'PUT')]).toEqual(['b', 'a']);
  });

  it('costs routes without one nothing', () => {
    const port = compiledPort({ protocol: Protocol.HTTP1, routes: [forwardTo(V1)] });
    expect(routesOf(port, WEB)).toBe(port.everybody);
  });
});
