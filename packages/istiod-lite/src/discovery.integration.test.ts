import { fromBinary } from '@bufbuild/protobuf';
import { systemClock } from '@ambit/core/clock';
import { AUTHORIZATION_TYPE_URL } from '@ambit/proto/authorization';
import { type Address, ADDRESS_TYPE_URL, AddressSchema } from '@ambit/proto/workload';
import { DeltaClient, type DeltaClientEvent } from '@ambit/xds/delta-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, podManifest, SERVER_NAME, TestController, ZTUNNEL_POD } from './test-controller.ts';

const POLICY =
  '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: only-web, namespace: shop}, ' +
  'spec: {selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {namespaces: [web]}}]}]}}\n---\n';
const SERVICE =
  '{apiVersion: v1, kind: Service, metadata: {name: cart, namespace: shop}, spec: {clusterIP: 10.96.0.1, selector: {app: cart}, ports: [{port: 80}]}}\n---\n';
const CART = 'Kubernetes//Pod/shop/cart-1';

let controller: TestController;
let clients: DeltaClient[];

beforeEach(async () => {
  controller = await TestController.create();
  clients = [];
  await controller.put('pods.status.yaml', ZTUNNEL_POD + podManifest('cart-1'));
  await controller.put('shop.yaml', SERVICE + POLICY);
  await controller.start();
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await controller.destroy();
});

interface Subscriber {
  readonly client: DeltaClient;
  readonly resources: Map<string, Uint8Array>;
  /** `+name` and `-name` in order of arrival. */
  readonly history: string[];
  readonly events: DeltaClientEvent[];
}

async function subscribe(tokenFile: string | undefined): Promise<Subscriber> {
  const resources = new Map<string, Uint8Array>();
  const history: string[] = [];
  const events: DeltaClientEvent[] = [];
  const client = new DeltaClient({
    controlPlane: {
      address: controller.address,
      roots: { pem: await controller.roots() },
      serverName: SERVER_NAME,
      ...(tokenFile === undefined ? {} : { tokenFile }),
    },
    node: { id: 'ztunnel~10.0.0.2~ztunnel-a.istio-system~istio-system.svc.cluster.local', metadata: {} },
    typeUrls: [ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL],
    clock: systemClock,
    random: () => 0.5,
    apply: (update) => {
      for (const { name, bytes } of update.resources) {
        resources.set(name, Uint8Array.from(bytes));
        history.push(`+${name}`);
      }
      for (const name of update.removed) {
        resources.delete(name);
        history.push(`-${name}`);
      }
      return Promise.resolve([]);
    },
    onEvent: (event) => events.push(event),
  });
  clients.push(client);
  client.start();
  return { client, resources, history, events };
}

function addressOf({ resources }: Subscriber, name: string): Address['type'] | undefined {
  const bytes = resources.get(name);
  return bytes === undefined ? undefined : fromBinary(AddressSchema, bytes).type;
}

describe('discovery', () => {
  it('sends the mesh, policies before the workloads that name them', async () => {
    const subscriber = await subscribe(await controller.token());
    await eventually(() => (subscriber.client.synced ? true : undefined), 'the first state');
    expect([...subscriber.resources.keys()].sort()).toEqual([
      'Kubernetes//Pod/istio-system/ztunnel-a',
      CART,
      'shop/cart.shop.svc.cluster.local',
      'shop/only-web',
    ]);
    expect(subscriber.history[0]).toBe('+shop/only-web');
    expect(addressOf(subscriber, CART)?.value).toMatchObject({ authorizationPolicies: ['shop/only-web'] });
  });

  it('sends changes within 200 ms, and only what differs', async () => {
    const subscriber = await subscribe(await controller.token());
    await eventually(() => (subscriber.client.synced ? true : undefined), 'the first state');
    subscriber.history.length = 0;
    const took: number[] = [];
    for (const name of ['cart-2', 'cart-3', 'cart-4']) {
      const started = performance.now();
      await controller.put('more.status.yaml', podManifest(name, { ip: '10.0.0.9' }));
      await eventually(() => subscriber.resources.get(`Kubernetes//Pod/shop/${name}`), 'the new pod');
      took.push(performance.now() - started);
      // Changes that come close together are gathered.
      await new Promise((resume) => setTimeout(resume, 150));
    }
    expect(took.sort((a, b) => a - b)[1]).toBeLessThan(200);
    const { text } = await controller.page('/metrics');
    expect(text).toMatch(/^pilot_proxy_convergence_time_bucket\{type="[^"]*Address",le="\+Inf"\} 3$/m);
    await controller.remove('more.status.yaml');
    await eventually(() => (subscriber.resources.has('Kubernetes//Pod/shop/cart-4') ? undefined : true), 'its end');
    expect([...subscriber.history].sort()).toEqual(
      ['cart-2', 'cart-3', 'cart-4']
        .flatMap((name) => [`+Kubernetes//Pod/shop/${name}`, `-Kubernetes//Pod/shop/${name}`])
        .sort(),
    );
  });

  it('keeps serving the last good state of a broken file, and says file, line and field', async () => {
    const subscriber = await subscribe(await controller.token());
    await eventually(() => (subscriber.client.synced ? true : undefined), 'the first state');
    subscriber.history.length = 0;
    await controller.put('shop.yaml', SERVICE.replace('port: 80', 'port: 70000') + POLICY);
    const line = await controller.logged('configuration file refused');
    expect(line).toMatchObject({ level: 'error', line: 1, object: 'Service shop/cart', field: 'spec.ports[0].port' });
    expect(String(line['file'])).toMatch(/shop\.yaml$/);
    const { text } = await controller.page('/debug/problems');
    expect(text).toContain('70000 is not a port');
    await controller.put('pods.status.yaml', ZTUNNEL_POD + podManifest('cart-1', { ip: '10.0.0.7' }));
    await eventually(() => subscriber.history[0], 'a change of another file');
    expect(subscriber.history).toEqual([`+${CART}`]);
    expect(subscriber.resources.has('shop/only-web')).toBe(true);
  });

  it('goes on where it was after a restart: the same roots, and nothing sent again', async () => {
    const subscriber = await subscribe(await controller.token());
    await eventually(() => (subscriber.client.synced ? true : undefined), 'the first state');
    const roots = await controller.roots();
    expect(await controller.stop()).toBe(0);
    await eventually(() => (subscriber.client.connected ? undefined : true), 'the end of the stream');
    subscriber.history.length = 0;
    await controller.put('shop.yaml', 'broken: [');
    await controller.put('new.yaml', SERVICE.replace('name: cart', 'name: new').replace('10.96.0.1', '10.96.0.2'));
    await controller.start();
    expect(await controller.roots()).toBe(roots);
    await eventually(() => subscriber.history[0], 'what changed meanwhile');
    // The pod serves the new Service too.
    expect([...subscriber.history].sort()).toEqual([`+${CART}`, '+shop/new.shop.svc.cluster.local']);
    expect(subscriber.resources.has('shop/only-web')).toBe(true);
  });

  it.each([
    ['without token', undefined, 'no bearer token'],
    [
      'with a token of an application',
      {
        sub: 'system:serviceaccount:shop:cart',
        'kubernetes.io': {
          namespace: 'shop',
          node: { name: 'a' },
          pod: { name: 'cart-1', uid: 'uid-cart-1' },
          serviceaccount: { name: 'cart' },
        },
      },
      'no trusted node account',
    ],
    ['with an expired token', { exp: 1 }, 'expired'],
  ])('sends nothing to a client %s', async (_name, claims, reason) => {
    const subscriber = await subscribe(claims === undefined ? undefined : await controller.token(claims));
    const refusal = await eventually(
      () => subscriber.events.find((event) => event.kind === 'disconnected'),
      'the refusal',
    );
    expect(String(refusal.error)).toMatch(/not authenticated/);
    expect(subscriber.history).toEqual([]);
    expect((await controller.logged('a discovery client is refused'))['reason']).toContain(reason);
  });

  it('answers probes, and names what it does not honour', async () => {
    expect(await controller.page('/ready')).toEqual({ status: 200, text: 'ready\n' });
    expect((await controller.page('/nowhere')).status).toBe(404);
    await controller.put(
      'route.yaml',
      '{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {name: r, namespace: shop}}',
    );
    await controller.logged('Sidecar shop/r: waypoints do not know it');
    expect((await controller.page('/debug/resources')).text).toContain('shop/only-web');
  });
});
