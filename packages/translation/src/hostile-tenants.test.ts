import { toJson } from '@bufbuild/protobuf';
import { type ServedService, ServedServiceSchema } from '@ambit/proto/waypoint';
import { AddressSchema } from '@ambit/proto/workload';
import { expect, it } from 'vitest';
import { decodeApiObject, decodeManifests } from './decode.ts';
import { formatProblem } from './manifest/problem.ts';
import { buildModel } from './model.ts';
import { translate } from './translate.ts';
import { isComplaint, subjectOf } from './translate/condition.ts';
import { DEFAULT_SETTINGS } from './translate/settings.ts';

/** The Service web of the namespace shop, routed by its own people, behind a waypoint that everybody may use. */
const SHOP = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/use-waypoint: w}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: w, namespace: shop}, spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE, allowedRoutes: {namespaces: {from: All}}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: w, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: w}}, spec: {clusterIP: 10.96.0.2, ports: [{port: 15008}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: w-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: w, gateway.networking.k8s.io/gateway-class-name: istio-waypoint}}, spec: {serviceAccountName: w, containers: [{name: c, image: c}]}, status: {podIP: 10.0.0.9, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, labels: {app: web}}, spec: {containers: [{name: c, image: c}]}, status: {podIP: 10.0.0.1, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: web, namespace: shop}, spec: {hosts: [web], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}], timeout: 3s}, {route: [{destination: {host: web}}]}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: evil, labels: {istio.io/use-waypoint: w, istio.io/use-waypoint-namespace: shop}}}
---
{apiVersion: v1, kind: Service, metadata: {name: own, namespace: evil}, spec: {clusterIP: 10.96.0.66, selector: {app: own}, ports: [{name: http, port: 80}]}}
`;

const WEB = 'web.shop.svc.cluster.local';
const many = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index));
const virtual = (spec: object, name = 'bad') => object('networking.istio.io/v1', 'VirtualService', spec, name);
const destination = (spec: object) => object('networking.istio.io/v1', 'DestinationRule', spec);
const entry = (spec: object) => object('networking.istio.io/v1', 'ServiceEntry', spec);

function object(apiVersion: string, kind: string, spec: object, name = 'bad'): object {
  return { apiVersion, kind, metadata: { name, namespace: 'evil' }, spec };
}

const toOwn = [{ destination: { host: 'own' } }];

/** What somebody in the namespace evil writes, and what is said of it. */
const CASES: readonly (readonly [string, object, RegExp])[] = [
  [
    'an expression of 100 KB',
    virtual({ hosts: ['own'], http: [{ match: [{ uri: { regex: 'a'.repeat(100_000) } }], route: toOwn }] }),
    /has 100000 characters, more than 1024/,
  ],
  [
    'an expression that backtracks elsewhere',
    virtual({ hosts: ['own'], http: [{ match: [{ uri: { regex: '(a{1,100}){1,100}' } }], route: toOwn }] }),
    /is no RE2 expression/,
  ],
  [
    'a header of 100 KB',
    virtual({ hosts: ['own'], http: [{ headers: { request: { set: { a: 'b'.repeat(100_000) } } }, route: toOwn }] }),
    /has 100001 bytes, more than/,
  ],
  [
    '10,000 routes',
    virtual({
      hosts: ['own'],
      http: many(10_000, (index) => ({ match: [{ uri: { exact: `/${index}` } }], route: toOwn })),
    }),
    /10000 matches together, more than 4096/,
  ],
  [
    '10,000 hosts',
    entry({
      hosts: many(10_000, (index) => `h${index}.example`),
      ports: [{ number: 80, name: 'http' }],
      resolution: 'DNS',
    }),
    /10000 items are more than the 256 allowed/,
  ],
  [
    'a name with a line end',
    virtual({ hosts: ['own'], http: [{ name: 'a\nb', route: [{ destination: { host: 'own\nweb' } }] }] }, 'bad\nname'),
    /is not a DNS-1123 name/,
  ],
  [
    'a host with a template',
    virtual({ hosts: ['{{ .Values.host }}'], http: [{ route: toOwn }] }),
    /is not the name of a host/,
  ],
  [
    'a subset called __proto__',
    destination({ host: 'own', subsets: [{ name: '__proto__', labels: { constructor: 'a' } }] }),
    /is not the name of a subset/,
  ],
  [
    'the host of another as its own',
    virtual({ hosts: [WEB], http: [{ redirect: { uri: '/stolen' } }] }),
    /no waypoint that sees it serves its hosts/,
  ],
  [
    'a wildcard above the hosts of others',
    virtual({ hosts: ['*'], http: [{ redirect: { uri: '/stolen' } }] }),
    /\* alone is for gateways only/,
  ],
  [
    'a rule for the host of another',
    destination({ host: WEB, trafficPolicy: { tls: { mode: 'DISABLE' } } }),
    /no waypoint that sees it leads to web/,
  ],
  [
    'an entry with the host of another',
    entry({
      hosts: [WEB],
      ports: [{ number: 80, name: 'http' }],
      resolution: 'STATIC',
      endpoints: [{ address: '192.0.2.1' }],
    }),
    /is a name of namespace shop/,
  ],
  [
    'an entry with the address of another',
    entry({
      hosts: ['mine.example'],
      addresses: ['10.96.0.1'],
      ports: [{ number: 80, name: 'http' }],
      resolution: 'STATIC',
      endpoints: [{ address: '192.0.2.1' }],
    }),
    /is that of Service shop\/web/,
  ],
];

/** What is said, and what proxies are told of the shop. */
function meaningWith(...bad: readonly object[]): {
  readonly said: string[];
  readonly told: unknown;
  readonly served: ReadonlyMap<string, ServedService>;
} {
  const decoded = decodeManifests('shop.yaml', SHOP);
  expect(decoded.problems).toEqual([]);
  const evil = bad.map((one) => ({ role: 'manifest', decoded: decodeApiObject(one) }) as const);
  const { model, problems } = buildModel([{ role: 'manifest', decoded }, ...evil]);
  const { servedServices, addresses, conditions } = translate(model, DEFAULT_SETTINGS);
  const served = [...servedServices].filter(([name]) => name.includes('/shop/web.'));
  const published = [...addresses].filter(([name]) => /shop\/web/.test(name));
  expect([served.length, published.length]).toEqual([1, 2]);
  const said = [
    ...evil.flatMap(({ decoded: { problems: wrong } }) => wrong.map(formatProblem)),
    ...problems.map(formatProblem),
    ...conditions.filter(isComplaint).map((one) => `${subjectOf(one)}: ${one.message}`),
  ];
  return {
    served: servedServices,
    said: said.filter((line) => line.includes('evil') || line.includes('bad')),
    told: {
      served: served.map(([name, value]) => [name, toJson(ServedServiceSchema, value)]),
      published: published.map(([name, value]) => [name, toJson(AddressSchema, value)]),
    },
  };
}

it.each(CASES)('%s changes nothing for others, costs little and is said', (_, bad, reason) => {
  const before = process.cpuUsage();
  const { said, told } = meaningWith(bad);
  const { user, system } = process.cpuUsage(before);
  expect(told).toEqual(meaningWith().told);
  expect(said.join('\n')).toMatch(reason);
  // What is said is read by people, on one line each.
  for (const line of said) expect(line).toMatch(/^[\x20-\x7e]{1,4000}$/);
  expect((user + system) / 1_000).toBeLessThan(4_000);
});

it('a WorkloadEntry with the address of a pod of another changes nothing for others', () => {
  const spec = { address: '10.0.0.1', labels: { app: 'own' }, serviceAccount: 'web' };
  const taking = object('networking.istio.io/v1', 'WorkloadEntry', spec);
  expect(meaningWith(taking).told).toEqual(meaningWith().told);
});

it('subsets that would list more workloads than a waypoint can bear get nothing, and it is said which', () => {
  const pods = many(1_000, (index) => {
    const metadata = { name: `own-${index}`, namespace: 'evil', labels: { app: 'own' } };
    const status = { podIP: `10.1.${index >> 8}.${index & 255}` };
    return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'c', image: 'c' }] }, status };
  });
  const subsets = many(1_000, (index) => ({ name: `s${index}`, labels: { app: 'own' } }));
  const http = many(1_000, (index) => {
    return { match: [{ uri: { exact: `/${index}` } }], route: [{ destination: { host: 'own', subset: `s${index}` } }] };
  });
  const { said, told, served } = meaningWith(
    ...pods,
    destination({ host: 'own', subsets }),
    virtual({ hosts: ['own'], http }),
  );
  expect(told).toEqual(meaningWith().told);
  const own = served.get('shop/w/evil/own.evil.svc.cluster.local');
  const listed = own?.clusters.map(({ subsetWorkloadUids }) => subsetWorkloadUids.length) ?? [];
  expect(listed.filter((count) => count > 0)).toHaveLength(262);
  const clusters = own?.ports[0]?.routes.map(({ action }) =>
    action.case === 'forward' ? action.value.destinations[0]?.cluster : undefined,
  );
  expect([clusters?.[261], clusters?.[262], clusters?.[999]]).toEqual([
    'outbound|80|s261|own.evil.svc.cluster.local',
    '',
    '',
  ]);
  expect(said.join('\n')).toContain('subset s262 of own.evil.svc.cluster.local: subsets that are routed to');
});
