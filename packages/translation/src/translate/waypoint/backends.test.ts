import { describe, expect, it } from 'vitest';
import { route, service, translated, verdictOn, waypoint } from './test-translation.ts';

const AT = 'mesh/w';
const WAYPOINT = waypoint('mesh', 'w', '{namespaces: {from: All}}');
const OTHER_WAYPOINT = waypoint('mesh', 'other', '{namespaces: {from: All}}');
const PARENT = service('shop', 'web', AT);
const GOOD = 'True ResolvedRefs';
const FORBIDDEN = 'False RefNotPermitted';

interface Grant {
  readonly namespace?: string;
  readonly from?: string;
  readonly to?: string;
}

function grant({
  namespace = 'far',
  from = 'group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop',
  to = 'group: "", kind: Service',
}: Grant = {}): string {
  return `{apiVersion: gateway.networking.k8s.io/v1beta1, kind: ReferenceGrant, metadata: {name: g, namespace: ${namespace}}, spec: {from: [{${from}}], to: [{${to}}]}}`;
}

/** What becomes of a route at Service shop/web that leads to a Service. */
function resolved(
  namespace: string,
  backend: string,
  further: readonly string[],
): { verdict: string | undefined; cluster: string | undefined } {
  const text = route({ namespace, name: 'r', parent: 'shop/web', backend });
  const translation = translated([WAYPOINT, OTHER_WAYPOINT, PARENT, text, ...further]);
  const [port] = translation.servedServices.get('mesh/w/shop/web.shop.svc.cluster.local')?.ports ?? [];
  const routes = namespace === 'shop' ? port?.routes : port?.consumers[0]?.routes;
  const action = routes?.[0]?.action;
  const cluster = action?.case === 'forward' ? action.value.destinations[0]?.cluster : undefined;
  return { verdict: verdictOn(translation, 'HTTPRoute', `${namespace}/r`, 'ResolvedRefs'), cluster };
}

describe('a backend in another namespace than its route', () => {
  const far = service('far', 'b');
  it.each<[string, readonly string[], string]>([
    ['without a grant', [far], FORBIDDEN],
    ['with one for all Services', [far, grant()], GOOD],
    ['with one for this Service', [far, grant({ to: 'group: "", kind: Service, name: b' })], GOOD],
    ['with one for another Service', [far, grant({ to: 'group: "", kind: Service, name: c' })], FORBIDDEN],
    ['with one for Services of another group', [far, grant({ to: 'group: example.com, kind: Service' })], FORBIDDEN],
    ['with one for Secrets', [far, grant({ to: 'group: "", kind: Secret' })], FORBIDDEN],
    ['with one in the namespace of the route', [far, grant({ namespace: 'shop' })], FORBIDDEN],
    [
      'with one for another kind of route',
      [far, grant({ from: 'group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: shop' })],
      FORBIDDEN,
    ],
    [
      'with one for another namespace',
      [far, grant({ from: 'group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other' })],
      FORBIDDEN,
    ],
    ['with one for another group', [far, grant({ from: 'group: "", kind: HTTPRoute, namespace: shop' })], FORBIDDEN],
    ['that is not there, with a grant', [grant()], 'False BackendNotFound'],
    // What exists where is not for those to learn who may not refer to it.
    ['that is not there, without', [], FORBIDDEN],
    ['at the same waypoint', [service('far', 'b', AT)], FORBIDDEN],
  ])('%s', (_name, objects, verdict) => {
    expect(resolved('shop', 'far/b', objects)).toEqual({
      verdict,
      cluster: verdict === GOOD ? 'outbound|80||b.far.svc.cluster.local' : '',
    });
  });
});

describe('a backend of a route for the clients of its namespace', () => {
  const judged =
    '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: shop}, spec: {targetRefs: [{kind: Service, group: "", name: b}], rules: [{}]}}';
  const forShop = grant({
    namespace: 'shop',
    from: 'group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: visitors',
  });
  it.each<[string, string, readonly string[], string]>([
    ['is the Service itself', 'shop/web', [], GOOD],
    ['is of its own namespace', 'visitors/b', [service('visitors', 'b')], GOOD],
    ['is beside the Service, at its waypoint', 'shop/b', [service('shop', 'b', AT)], GOOD],
    ['is beside it, at another waypoint', 'shop/b', [service('shop', 'b', 'mesh/other')], FORBIDDEN],
    ['is beside it, at no waypoint', 'shop/b', [service('shop', 'b')], FORBIDDEN],
    ['is beside it, and policies judge it', 'shop/b', [service('shop', 'b', AT), judged], FORBIDDEN],
    ['is beside it, at no waypoint, with a grant', 'shop/b', [service('shop', 'b'), forShop], GOOD],
    ['is of a third namespace, at the same waypoint', 'far/b', [service('far', 'b', AT)], FORBIDDEN],
  ])('%s', (_name, backend, objects, verdict) => {
    expect(resolved('visitors', backend, objects).verdict).toBe(verdict);
  });

  it('is beside the Service, at one of its two waypoints or at both', () => {
    const deployed = ['first', 'second'].flatMap((name) => [
      waypoint('shop', name),
      `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: ${name}}}, spec: {clusterIP: 10.96.0.9, ports: [{port: 15008}]}}`,
      `{apiVersion: v1, kind: Pod, metadata: {name: ${name}-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: ${name}}}, spec: {containers: [{name: c, image: c}]}, status: {podIP: 10.0.0.9, conditions: [{type: Ready, status: "True"}]}}`,
    ]);
    const atBoth = (name: string): string =>
      `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop, labels: {istio.io/use-waypoint: first, istio.io/use-waypoint-canary: second}, annotations: {istio.io/use-waypoint-canary-weight: "10"}}, spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}}`;
    const text = route({ namespace: 'visitors', name: 'r', parent: 'shop/web', backend: 'shop/b' });
    const verdict = (backend: string): string | undefined =>
      verdictOn(translated([...deployed, atBoth('web'), backend, text]), 'HTTPRoute', 'visitors/r', 'ResolvedRefs');
    expect(verdict(service('shop', 'b', 'shop/first'))).toBe(FORBIDDEN);
    expect(verdict(atBoth('b'))).toBe(GOOD);
  });
});
