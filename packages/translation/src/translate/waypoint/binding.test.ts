import { describe, expect, it } from 'vitest';
import { decodeManifests } from '../../decode.ts';
import { MAX_POLICY_BYTES } from '../../limits.ts';
import { buildModel } from '../../model.ts';
import { type Memory, translate } from '../../translate.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';

const GATEWAY =
  '{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, ' +
  'spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}}';
const FRONT =
  '{apiVersion: v1, kind: Service, metadata: {name: w, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: w, istio.io/use-waypoint: w}}, ' +
  'spec: {clusterIP: 10.96.0.9, ports: [{name: mesh, port: 15008}]}}';
const READY_POD =
  '{apiVersion: v1, kind: Pod, metadata: {name: w-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: w, gateway.networking.k8s.io/gateway-class-name: istio-waypoint}}, ' +
  'spec: {containers: [{name: c, image: c}]}, status: {podIP: 10.0.0.9, conditions: [{type: Ready, status: "True"}]}}';
const SERVICE =
  '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: w}}, spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}}';

function policy(target: string, namespace = 'shop', action = 'DENY', rules = '{}'): string {
  return `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: ${namespace}}, spec: {action: ${action}, targetRefs: [${target}], rules: [${rules}]}}`;
}

function namespace(mode: string): string {
  return `{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {ambit.io/waypoint-failure-mode: ${mode}}}}`;
}

const ONCE_READY: Memory = { waypointsOnceReady: new Set(['shop/w']) };
const ON_SERVICE = policy('{kind: Service, group: "", name: web}');
const ON_GATEWAY = policy('{kind: Gateway, group: gateway.networking.k8s.io, name: w}');
/** More than a waypoint is told. */
const BEYOND_WAYPOINTS = policy(
  '{kind: Gateway, group: gateway.networking.k8s.io, name: w}',
  'shop',
  'DENY',
  `{to: [{operation: {paths: [/a${'a'.repeat(MAX_POLICY_BYTES / 2)}, /b${'b'.repeat(MAX_POLICY_BYTES / 2)}]}}]}`,
);
const ON_CLASS = '{kind: GatewayClass, group: gateway.networking.k8s.io, name: istio-waypoint}';
const DEPLOYED = [GATEWAY, FRONT];

function bound(
  objects: readonly string[],
  memory?: Memory,
): { leadsTo: string; served: readonly number[] | undefined } {
  const decoded = decodeManifests('shop.yaml', [SERVICE, ...objects].join('\n---\n'));
  expect(decoded.problems).toEqual([]);
  const { addresses, servedServices } = translate(
    buildModel([{ role: 'manifest', decoded }]).model,
    DEFAULT_SETTINGS,
    ...(memory === undefined ? [] : ([memory] as const)),
  );
  const type = addresses.get('shop/web.shop.svc.cluster.local')?.type;
  const waypoint = type?.case === 'service' ? type.value.waypoint : undefined;
  return {
    leadsTo: waypoint === undefined ? 'pods' : 'waypoint',
    served: servedServices.get('shop/w/shop/web.shop.svc.cluster.local')?.ports.map(({ port }) => port),
  };
}

describe('a Service that asks for a waypoint', () => {
  it.each<[string, string, readonly string[], Memory?]>([
    ['ready', 'waypoint', [...DEPLOYED, READY_POD]],
    ['ready but without Service', 'pods', [GATEWAY, READY_POD]],
    ['never ready', 'pods', DEPLOYED],
    ['not ready any more', 'waypoint', DEPLOYED, ONCE_READY],
    ['not served any more', 'waypoint', [GATEWAY.replace('15008', '15009'), FRONT, READY_POD], ONCE_READY],
    ['never ready, judged by a policy for the Service', 'waypoint', [...DEPLOYED, ON_SERVICE]],
    ['never ready, judged by a policy for the Gateway', 'waypoint', [...DEPLOYED, ON_GATEWAY]],
    ['never ready, judged by a policy for the class', 'waypoint', [...DEPLOYED, policy(ON_CLASS, 'istio-system')]],
    ['never ready, with a policy for the class from a tenant', 'pods', [...DEPLOYED, policy(ON_CLASS, 'other')]],
    [
      'never ready, with a policy that only watches',
      'pods',
      [...DEPLOYED, policy('{kind: Service, group: "", name: web}', 'shop', 'AUDIT')],
    ],
    ['never there, judged', 'waypoint', [ON_SERVICE]],
    ['never there', 'pods', [], ONCE_READY],
    ['never ready, in a closed namespace', 'waypoint', [...DEPLOYED, namespace('closed')]],
    [
      'not ready any more, judged, in an open namespace',
      'pods',
      [...DEPLOYED, ON_SERVICE, namespace('open')],
      ONCE_READY,
    ],
    ['never ready, in a namespace with a mode that is none', 'pods', [...DEPLOYED, namespace('maybe')]],
  ])('that is %s leads to: %s', (_name, leadsTo, objects, memory) => {
    expect(bound(objects, memory).leadsTo).toBe(leadsTo);
  });

  it('is known to the waypoint before that is ready, and on no port while a policy waits that nobody can judge', () => {
    expect(bound(DEPLOYED).served).toEqual([80]);
    expect(bound([...DEPLOYED, READY_POD, ON_GATEWAY]).served).toEqual([80]);
    expect(bound([...DEPLOYED, READY_POD, BEYOND_WAYPOINTS]).served).toEqual([]);
  });

  it('is no waypoint itself', () => {
    const decoded = decodeManifests('shop.yaml', [...DEPLOYED, READY_POD].join('\n---\n'));
    const { addresses, servedServices } = translate(
      buildModel([{ role: 'manifest', decoded }]).model,
      DEFAULT_SETTINGS,
    );
    expect(servedServices.size).toBe(0);
    expect(addresses.get('Kubernetes//Pod/shop/w-1')?.type.value).toMatchObject({
      nativeTunnel: true,
      tunnelProtocol: 1,
    });
  });
});

const EVERY = GATEWAY.replace(
  'name: w, namespace: shop',
  'name: w, namespace: shop, labels: {istio.io/waypoint-for: all}',
);
const BY_NAMESPACE =
  '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/use-waypoint: w}, annotations: {ambit.io/waypoint-failure-mode: MODE}}}';
const [IN_NAMESPACE, IN_CLOSED] = ['', 'closed'].map((mode) => BY_NAMESPACE.replace('MODE', `"${mode}"`));

function pod(labels: string): string {
  return `{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, labels: {${labels}}}, spec: {containers: [{name: c, image: c}]}, status: {podIP: 10.0.0.1}}`;
}

describe('a Pod', () => {
  const ASKING = pod('istio.io/use-waypoint: w');
  const PLAIN = pod('');

  it.each<[string, 'pods' | 'waypoint', readonly number[] | undefined, readonly string[], Memory?]>([
    ['asks, and the waypoint is ready', 'waypoint', [0], [ASKING, EVERY, FRONT, READY_POD]],
    ['asks, and the waypoint was never ready', 'pods', [0], [ASKING, EVERY, FRONT]],
    ['asks, and the waypoint is ready no more', 'waypoint', [0], [ASKING, EVERY, FRONT], ONCE_READY],
    ['asks, and the waypoint is gone', 'pods', undefined, [ASKING], ONCE_READY],
    ['asks, and a policy waits', 'waypoint', [0], [ASKING, EVERY, FRONT, ON_GATEWAY]],
    ['asks, and a policy waits that nobody can judge', 'waypoint', [], [ASKING, EVERY, FRONT, BEYOND_WAYPOINTS]],
    ['asks a waypoint for Services', 'pods', undefined, [ASKING, GATEWAY, FRONT, READY_POD]],
    ['asks a waypoint for Services, judged', 'waypoint', undefined, [ASKING, GATEWAY, FRONT, READY_POD, ON_GATEWAY]],
    ['is in a namespace that asks', 'waypoint', [0], [PLAIN, IN_NAMESPACE ?? '', EVERY, FRONT, READY_POD]],
    ['is in a namespace that asked', 'waypoint', [0], [PLAIN, IN_NAMESPACE ?? '', EVERY, FRONT], ONCE_READY],
    [
      'is in a namespace that asks a waypoint for Services, judged and never to be passed by',
      'pods',
      undefined,
      [PLAIN, IN_CLOSED ?? '', GATEWAY, FRONT, READY_POD, ON_GATEWAY],
    ],
    ['is in a closed namespace whose waypoint is gone', 'waypoint', undefined, [PLAIN, IN_CLOSED ?? '']],
    ['opts out', 'pods', undefined, [pod('istio.io/use-waypoint: none'), IN_NAMESPACE ?? '', EVERY, FRONT, READY_POD]],
  ])('that %s is reached through: %s, with the ports %j', (_name, leadsTo, ports, objects, memory) => {
    const decoded = decodeManifests('shop.yaml', objects.join('\n---\n'));
    expect(decoded.problems).toEqual([]);
    const { addresses, servedServices } = translate(
      buildModel([{ role: 'manifest', decoded }]).model,
      DEFAULT_SETTINGS,
      ...(memory === undefined ? [] : ([memory] as const)),
    );
    const type = addresses.get('Kubernetes//Pod/shop/web-1')?.type;
    const waypoint = type?.case === 'workload' ? type.value.waypoint : undefined;
    expect(waypoint === undefined ? 'pods' : 'waypoint').toBe(leadsTo);
    const served = servedServices.get('shop/w/Kubernetes//Pod/shop/web-1');
    expect(served?.ports.map(({ port }) => port)).toEqual(ports);
    // A waypoint that knows nothing of workloads must not take a part of it.
    if (served !== undefined) expect(served.requiredFeatures).toContain('workloads');
  });
});
