import { fromBinary } from '@bufbuild/protobuf';
import { systemClock } from '@ambit/core/clock';
import { AUTHORIZATION_TYPE_URL } from '@ambit/proto/authorization';
import {
  CLIENT_CERTIFICATE_TYPE_URL,
  ClientCertificateSchema,
  SERVED_SERVICE_TYPE_URL,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { ADDRESS_TYPE_URL, AddressSchema } from '@ambit/proto/workload';
import { TestAuthority, type TestCertificate } from '@ambit/identity/test-authority';
import { DeltaClient, type DeltaClientEvent } from '@ambit/xds/delta-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, podManifest, SERVER_NAME, TestController, ZTUNNEL_POD } from './test-controller.ts';

const GATEWAYS = ['one', 'two']
  .map(
    (name) =>
      `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: ${name}, namespace: shop}, ` +
      'spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}}\n---\n' +
      `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: ${name}}}, ` +
      'spec: {clusterIP: 10.96.1.1, ports: [{name: mesh, port: 15008}]}}\n---\n',
  )
  .join('');

function service(name: string, waypoint: string): string {
  return (
    `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop, labels: {istio.io/use-waypoint: ${waypoint}}}, ` +
    'spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}]}}\n---\n'
  );
}

function route(weight: number): string {
  return (
    '{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: shop}, spec: ' +
    '{parentRefs: [{group: "", kind: Service, name: mine}], rules: [{backendRefs: [' +
    `{name: mine, port: 80, weight: ${100 - weight}}, {name: theirs, port: 80, weight: ${weight}}]}]}}\n---\n`
  );
}

function waypointPod(gateway: string, ready = true): string {
  const labels = {
    'gateway.networking.k8s.io/gateway-name': gateway,
    'gateway.networking.k8s.io/gateway-class-name': 'istio-waypoint',
  };
  return podManifest(`${gateway}-1`, { account: gateway, labels, ready });
}

function claimsOf(account: string): Record<string, unknown> {
  return {
    sub: `system:serviceaccount:shop:${account}`,
    'kubernetes.io': {
      namespace: 'shop',
      node: { name: 'a' },
      pod: { name: `${account}-1`, uid: `uid-${account}-1` },
      serviceaccount: { name: account },
    },
  };
}

const MINE = 'shop/one/shop/mine.shop.svc.cluster.local';
const ADDRESS = 'shop/mine.shop.svc.cluster.local';

let controller: TestController;
let clients: DeltaClient[];

beforeEach(async () => {
  controller = await TestController.create();
  clients = [];
  const pods = ZTUNNEL_POD + waypointPod('one') + waypointPod('two') + podManifest('cart-1');
  await controller.put('pods.status.yaml', pods);
  await controller.put('shop.yaml', GATEWAYS + service('mine', 'one') + service('theirs', 'two') + route(10));
  await controller.start();
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await controller.destroy();
});

/** When what was held came, in order, and what is held now. */
interface Subscriber {
  readonly client: DeltaClient;
  readonly held: Map<string, Uint8Array>;
  readonly arrivals: Map<string, number>;
  readonly events: DeltaClientEvent[];
}

/** A client with the token of an account of the namespace shop; a ztunnel without one. */
async function subscribe(account?: string, metadata: Record<string, string> = {}): Promise<Subscriber> {
  const tokenFile = await controller.token(account === undefined ? {} : claimsOf(account));
  const subscriber = { held: new Map<string, Uint8Array>(), arrivals: new Map<string, number>(), events: [] };
  const { held, arrivals } = subscriber;
  const events: DeltaClientEvent[] = subscriber.events;
  const client = new DeltaClient({
    controlPlane: {
      address: controller.address,
      roots: { pem: await controller.roots() },
      serverName: SERVER_NAME,
      tokenFile,
    },
    node: { id: `proxy~${account ?? 'ztunnel'}`, metadata },
    typeUrls: [AUTHORIZATION_TYPE_URL, CLIENT_CERTIFICATE_TYPE_URL, SERVED_SERVICE_TYPE_URL, ADDRESS_TYPE_URL],
    clock: systemClock,
    random: () => 0.5,
    apply: (update) => {
      for (const { name, bytes } of update.resources) {
        held.set(name, Uint8Array.from(bytes));
        arrivals.set(name, performance.now());
      }
      for (const name of update.removed) held.delete(name);
      return Promise.resolve([]);
    },
    onEvent: (event) => events.push(event),
  });
  clients.push(client);
  client.start();
  const answer = (): true | undefined =>
    client.synced || events.some(({ kind }) => kind === 'disconnected') || undefined;
  await eventually(answer, 'an answer');
  return { client, ...subscriber };
}

function servedBy({ held }: Subscriber): string[] {
  return [...held.keys()].filter((name) => name.split('/').length === 4).sort();
}

function weightsOf({ held }: Subscriber): number[] | undefined {
  const bytes = held.get(MINE);
  const action = bytes === undefined ? undefined : fromBinary(ServedServiceSchema, bytes).ports[0]?.routes[0]?.action;
  return action?.case === 'forward' ? action.value.destinations.map(({ weight }) => weight) : undefined;
}

function hasWaypoint({ held }: Subscriber): boolean {
  const bytes = held.get(ADDRESS);
  const type = bytes === undefined ? undefined : fromBinary(AddressSchema, bytes).type;
  return type?.case === 'service' && type.value.waypoint !== undefined;
}

describe('discovery for waypoints', () => {
  it('shows a waypoint the services that it serves and the whole mesh, and a ztunnel no services', async () => {
    const one = await subscribe('one', { WAYPOINT_NAME: 'one', WAYPOINT_NAMESPACE: 'shop' });
    expect(servedBy(one)).toEqual([MINE]);
    expect(hasWaypoint(one)).toBe(true);
    expect(servedBy(await subscribe('two'))).toEqual(['shop/two/shop/theirs.shop.svc.cluster.local']);
    const ztunnel = await subscribe();
    expect(servedBy(ztunnel)).toEqual([]);
    expect(hasWaypoint(ztunnel)).toBe(true);
    expect((await controller.page('/debug/resources')).text).toContain(MINE);
  });

  it.each([
    [
      'a waypoint that says to be another',
      'two',
      { WAYPOINT_NAME: 'one' },
      'is not the account of a waypoint shop/one',
    ],
    ['an application that says to be a waypoint', 'cart', { WAYPOINT_NAME: 'one' }, 'is not the account of a waypoint'],
    ['an application', 'cart', {}, 'no trusted node account'],
  ])('refuses %s', async (_name, account, metadata, reason) => {
    const client = await subscribe(account, metadata);
    expect(client.held.size).toBe(0);
    expect((await controller.logged('a discovery client is refused'))['reason']).toContain(reason);
  });

  it('brings a change of weights to the waypoint within a second', async () => {
    const one = await subscribe('one');
    expect(weightsOf(one)).toEqual([90, 10]);
    const started = performance.now();
    await controller.put('shop.yaml', GATEWAYS + service('mine', 'one') + service('theirs', 'two') + route(50));
    await eventually(() => (weightsOf(one)?.[0] === 50 ? true : undefined), 'the new weights');
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('tells a waypoint of a new service before a ztunnel sends there, and lets it serve on when it has lost it', async () => {
    await controller.put('shop.yaml', GATEWAYS + service('mine', 'none'));
    const [one, ztunnel] = [await subscribe('one'), await subscribe()];
    await eventually(() => (servedBy(one).length === 0 ? true : undefined), 'the end of what was served at the start');
    await controller.put('shop.yaml', GATEWAYS + service('mine', 'one'));
    await eventually(() => (hasWaypoint(ztunnel) ? true : undefined), 'the waypoint');
    expect((ztunnel.arrivals.get(ADDRESS) ?? 0) - (one.arrivals.get(MINE) ?? Infinity)).toBeGreaterThan(50);
    await controller.put('shop.yaml', GATEWAYS + service('mine', 'none'));
    await eventually(() => (hasWaypoint(ztunnel) ? undefined : true), 'no waypoint');
    expect(servedBy(one)).toEqual([MINE]);
    await eventually(() => (servedBy(one).length === 0 ? true : undefined), 'the end of the service');
  });

  it('remembers over a restart that a waypoint was ready, until its Gateway is gone', async () => {
    expect(await controller.stop()).toBe(0);
    await controller.put('pods.status.yaml', ZTUNNEL_POD + waypointPod('one', false) + waypointPod('two', false));
    await controller.start();
    const ztunnel = await subscribe();
    expect(hasWaypoint(ztunnel)).toBe(true);
    expect((await controller.page('/debug/problems')).text).toContain(
      'waypoint shop/one is not ready; it was ready before',
    );
    await controller.put('shop.yaml', service('mine', 'one'));
    await eventually(() => (hasWaypoint(ztunnel) ? undefined : true), 'the direct way');
    await controller.put('shop.yaml', GATEWAYS + service('mine', 'one'));
    await controller.logged('waypoint shop/one is not ready; connections go straight');
    expect(hasWaypoint(ztunnel)).toBe(false);
  });
});

describe('a client certificate', () => {
  const CERTIFICATE = 'shop/one/shop/to-partner';
  const RULE =
    '{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: mine, namespace: shop}, spec: ' +
    '{host: mine, trafficPolicy: {tls: {mode: MUTUAL, credentialName: to-partner, sni: partner.example.com}}}}\n---\n';
  function secret({ certificateChainPem, privateKeyPem }: TestCertificate, rootPem: string): string {
    const data = { 'tls.crt': certificateChainPem, 'tls.key': privateKeyPem, 'ca.crt': rootPem };
    const encoded = Object.entries(data).map(([key, text]) => `${key}: ${Buffer.from(text).toString('base64')}`);
    return `{apiVersion: v1, kind: Secret, metadata: {name: to-partner, namespace: shop}, data: {${encoded.join(', ')}}}\n---\n`;
  }

  function keyOf({ held }: Subscriber): string | undefined {
    const bytes = held.get(CERTIFICATE);
    return bytes === undefined ? undefined : fromBinary(ClientCertificateSchema, bytes).privateKeyPem;
  }

  it('is shown to the waypoint whose rule names it and to nobody else, and follows its Secret', async () => {
    const authority = await TestAuthority.create();
    const identity = 'spiffe://cluster.local/ns/shop/sa/one';
    const [before, after] = [await authority.issue(identity), await authority.issue(identity)];
    await controller.put('rule.yaml', RULE + secret(before, authority.rootPem));
    const one = await subscribe('one', { WAYPOINT_NAME: 'one', WAYPOINT_NAMESPACE: 'shop' });
    await eventually(() => (keyOf(one) === before.privateKeyPem ? true : undefined), 'the certificate');
    for (const other of [await subscribe('two'), await subscribe()]) {
      expect([...other.held.keys()].filter((name) => name.endsWith('to-partner'))).toEqual([]);
    }
    await controller.put('rule.yaml', RULE + secret(after, authority.rootPem));
    await eventually(() => (keyOf(one) === after.privateKeyPem ? true : undefined), 'the next certificate');
    for (const page of ['/debug/resources', '/debug/problems', '/debug/clients']) {
      expect((await controller.page(page)).text).not.toMatch(/PRIVATE KEY/);
    }
    expect(JSON.stringify(controller.lines)).not.toMatch(/PRIVATE KEY/);
    await controller.put('rule.yaml', RULE);
    await eventually(() => (one.held.has(CERTIFICATE) ? undefined : true), 'the end of the certificate');
    expect((await controller.page('/debug/problems')).text).toMatch(/Secret shop\/to-partner is not there/);
  });
});
