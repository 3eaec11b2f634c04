import { describe, expect, it } from 'vitest';
import { MAX_CONSUMER_ROUTES_PER_NAMESPACE, MAX_CONSUMER_ROUTES_PER_SERVICE } from '../../limits.ts';
import { route, type RouteText, service, translated, verdictOn, waypoint } from './test-translation.ts';

const WAYPOINT = waypoint('shop', 'w');
const NAME = 'shop/w/shop/web.shop.svc.cluster.local';
const ACCEPTED = 'True Accepted';
const CONFLICTED = 'False Conflicted';

function acting(
  kind: RouteText['kind'] & string,
  name: string,
  namespace = 'shop',
  created = '2026-01-01T00:00:00Z',
): RouteText {
  return { kind, name, namespace, parent: 'shop/web', backend: 'shop/web', created };
}

describe('routes that want the same port', () => {
  const undeclared = service('shop', 'web', 'shop/w', '[{port: 80}]');
  it.each<[string, readonly RouteText[], readonly string[]]>([
    ['of HTTPRoute and GRPCRoute', [acting('HTTPRoute', 'a'), acting('GRPCRoute', 'b')], [CONFLICTED, ACCEPTED]],
    ['of TCPRoute and HTTPRoute', [acting('TCPRoute', 'a'), acting('HTTPRoute', 'b')], [CONFLICTED, ACCEPTED]],
    ['of TCPRoute and TLSRoute', [acting('TCPRoute', 'a'), acting('TLSRoute', 'b')], [CONFLICTED, ACCEPTED]],
    ['of TLSRoute and GRPCRoute', [acting('TLSRoute', 'a'), acting('GRPCRoute', 'b')], [CONFLICTED, ACCEPTED]],
    ['of two HTTPRoutes', [acting('HTTPRoute', 'a'), acting('HTTPRoute', 'b')], [ACCEPTED, ACCEPTED]],
    [
      'of two TCPRoutes, the younger first',
      [acting('TCPRoute', 'a', 'shop', '2026-01-02T00:00:00Z'), acting('TCPRoute', 'b')],
      [CONFLICTED, ACCEPTED],
    ],
    ['of two TCPRoutes of one age', [acting('TCPRoute', 'a'), acting('TCPRoute', 'b')], [ACCEPTED, CONFLICTED]],
    [
      'for everybody and for some',
      [acting('HTTPRoute', 'a'), acting('GRPCRoute', 'b', 'visitors'), acting('HTTPRoute', 'c', 'visitors')],
      [ACCEPTED, ACCEPTED, CONFLICTED],
    ],
  ])('%s', (_name, routes, verdicts) => {
    const translation = translated([WAYPOINT, undeclared, ...routes.map((text) => route(text))]);
    expect(
      routes.map(({ kind = '', namespace, name }) => verdictOn(translation, kind, `${namespace}/${name}`, 'Accepted')),
    ).toEqual(verdicts);
  });

  it('keep their protocol to themselves: a port of undeclared protocol is of TCP only when nobody routes requests there', () => {
    const protocolOf = (...routes: readonly RouteText[]): number | undefined =>
      translated([WAYPOINT, undeclared, ...routes.map((text) => route(text))]).servedServices.get(NAME)?.ports[0]
        ?.protocol;
    expect(protocolOf()).toBe(0);
    expect(protocolOf(acting('TCPRoute', 'a'))).toBe(1);
    expect(protocolOf(acting('TCPRoute', 'a', 'visitors'))).toBe(0);
    expect(protocolOf(acting('TCPRoute', 'a'), acting('TCPRoute', 'b', 'visitors'))).toBe(1);
    expect(protocolOf(acting('TCPRoute', 'a'), acting('HTTPRoute', 'b', 'visitors'))).toBe(0);
  });
});

describe('routes of other namespaces', () => {
  const WEB = service('shop', 'web', 'shop/w');
  /** Of one namespace each, the oldest last in the order of names. */
  const manyOf = (count: number, namespaceOf: (index: number) => string): RouteText[] =>
    Array.from({ length: count }, (_, index) => {
      const created = new Date(Date.UTC(2026, 0, 1) - index * 1_000).toISOString();
      return acting('HTTPRoute', `r${index}`, namespaceOf(index), created);
    });

  it('have no more room in a Service than one namespace may take: the youngest is refused', () => {
    const routes = manyOf(MAX_CONSUMER_ROUTES_PER_NAMESPACE + 1, () => 'visitors');
    const translation = translated([WAYPOINT, WEB, ...routes.map((text) => route(text))]);
    expect(verdictOn(translation, 'HTTPRoute', 'visitors/r0', 'Accepted')).toBe('False UnsupportedValue');
    expect(verdictOn(translation, 'HTTPRoute', 'visitors/r1', 'Accepted')).toBe(ACCEPTED);
    const [port] = translation.servedServices.get(NAME)?.ports ?? [];
    expect(port?.consumers[0]?.routes).toHaveLength(MAX_CONSUMER_ROUTES_PER_NAMESPACE);
  });

  it('have no more room in a Service than it gives, and take none from its own', () => {
    const routes = manyOf(MAX_CONSUMER_ROUTES_PER_SERVICE + 1, (index) => `n${index}`);
    const own = acting('HTTPRoute', 'own', 'shop', '2027-01-01T00:00:00Z');
    const translation = translated([WAYPOINT, WEB, ...[...routes, own].map((text) => route(text))]);
    expect(verdictOn(translation, 'HTTPRoute', 'n0/r0', 'Accepted')).toBe('False UnsupportedValue');
    expect(verdictOn(translation, 'HTTPRoute', 'n1/r1', 'Accepted')).toBe(ACCEPTED);
    expect(verdictOn(translation, 'HTTPRoute', 'shop/own', 'Accepted')).toBe(ACCEPTED);
    const [port] = translation.servedServices.get(NAME)?.ports ?? [];
    expect(port?.consumers).toHaveLength(MAX_CONSUMER_ROUTES_PER_SERVICE);
    expect(port?.consumers.map(({ namespace }) => namespace)).not.toContain('n0');
  });

  it('have no more room in a Service than their size leaves, once for each port', () => {
    const ports = JSON.stringify(
      Array.from({ length: 10 }, (_, index) => ({ name: `http-${index}`, port: 80 + index })),
    );
    const value = 'v'.repeat(4_096);
    const rules = [{ matches: Array.from({ length: 4 }, () => ({ headers: [{ name: 'x', value }] })) }];
    const large = manyOf(3, () => 'visitors').map((text) => {
      const object = JSON.parse(route(text)) as { spec: object };
      return JSON.stringify({ ...object, spec: { ...object.spec, rules } });
    });
    const small = route(acting('HTTPRoute', 'small', 'visitors', '2026-02-01T00:00:00Z'));
    const translation = translated([WAYPOINT, service('shop', 'web', 'shop/w', ports), ...large, small]);
    const verdicts = ['r2', 'r1', 'r0', 'small'].map((name) =>
      verdictOn(translation, 'HTTPRoute', `visitors/${name}`, 'Accepted'),
    );
    expect(verdicts).toEqual([ACCEPTED, 'False UnsupportedValue', 'False UnsupportedValue', ACCEPTED]);
  });
});
