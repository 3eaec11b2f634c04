import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import type { SpiffeId } from '@ambit/core/spiffe';
import { CaClient } from '@ambit/identity/ca-client';
import { TestAuthority } from '@ambit/identity/test-authority';
import { AUTHORIZATION_TYPE_URL } from '@ambit/proto/authorization';
import { ADDRESS_TYPE_URL } from '@ambit/proto/workload';
import { DeltaClient } from '@ambit/xds/delta-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually, podManifest, SERVER_NAME } from './test-controller.ts';
import type { TestKubernetes } from './test-kubernetes.ts';

const CART: SpiffeId = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
/** Says that it expires in ten hours, as a token that is kept for a while must. */
const GOOD: string = [{}, { exp: Date.now() / 1_000 + 36_000 }, 'signature']
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .join('.');
const POLICIES = '/apis/security.istio.io/v1/authorizationpolicies';

const plane = controlPlaneOfEachTest();
let clients: DeltaClient[];

function pod(...facts: Parameters<typeof podManifest>): { metadata: { name: string } } {
  return JSON.parse(podManifest(...facts).split('\n---')[0] ?? '') as { metadata: { name: string } };
}

beforeEach(() => {
  clients = [];
  plane.kubernetes.put(
    '/api/v1/pods',
    pod('ztunnel-a', { namespace: 'istio-system', account: 'ztunnel', ip: '10.0.0.2' }),
  );
  plane.kubernetes.put('/api/v1/pods', pod('cart-1'));
  plane.kubernetes.review = (token) => {
    if (token !== GOOD) return { authenticated: false, error: 'unknown' };
    const said = (name: string, value: string): object => ({ [`authentication.kubernetes.io/${name}`]: [value] });
    const extra = { ...said('pod-name', 'ztunnel-a'), ...said('pod-uid', 'uid-ztunnel-a'), ...said('node-name', 'a') };
    const user = { username: 'system:serviceaccount:istio-system:ztunnel', extra };
    return { authenticated: true, audiences: ['istio-ca'], user };
  };
});
afterEach(() => {
  for (const client of clients) client.destroy();
});

async function roots(): Promise<string> {
  const configMap = await eventually(
    () => plane.kubernetes.get('/api/v1/configmaps', 'shop/istio-ca-root-cert'),
    'the roots of a namespace',
  );
  return (configMap['data'] as Record<string, string>)['root-cert.pem'] ?? '';
}

async function tokenFile(token: string): Promise<string> {
  const path = join(plane.controller.root, 'token');
  await writeFile(path, token);
  return path;
}

async function certificate(token: string): Promise<string> {
  const client = new CaClient({
    ...{ address: plane.controller.address, roots: { pem: await roots() }, serverName: SERVER_NAME },
    ...{ tokenFile: await tokenFile(token), ttlSeconds: 60 },
  });
  try {
    await client.fetch(CART, AbortSignal.timeout(10_000));
    return 'issued';
  } catch (error) {
    return String(error);
  } finally {
    await client.close();
  }
}

/** Names of what a node proxy is told. */
async function subscribe(): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const client = new DeltaClient({
    controlPlane: {
      ...{ address: plane.controller.address, roots: { pem: await roots() }, serverName: SERVER_NAME },
      tokenFile: await tokenFile(GOOD),
    },
    node: { id: 'ztunnel', metadata: {} },
    typeUrls: [ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL],
    clock: systemClock,
    random: () => 0.5,
    apply: ({ resources, removed }) => {
      for (const { name } of resources) names.add(name);
      for (const name of removed) names.delete(name);
      return Promise.resolve([]);
    },
    onEvent: () => undefined,
  });
  clients.push(client);
  client.start();
  await eventually(() => (client.synced ? true : undefined), 'the first state');
  return names;
}

async function toldOf(names: ReadonlySet<string>, name: string): Promise<void> {
  await eventually(() => (names.has(name) ? true : undefined), `news of ${name}`);
}

describe('on Kubernetes', () => {
  it('serves nobody before every kind was read', async () => {
    plane.kubernetes.held.set('services', []);
    const serving = plane.controller.launch();
    await plane.controller.logged('leads');
    await eventually(
      () => (plane.kubernetes.held.get('services')?.length === 1 ? true : undefined),
      'the list of Services',
    );
    expect(plane.controller.lines.some(({ msg }) => msg === 'serving')).toBe(false);
    plane.kubernetes.release('services');
    await serving;
    expect((await plane.controller.page('/ready')).status).toBe(200);
  });

  it('takes kinds that are not installed for empty, and names them', async () => {
    for (const plural of ['httproutes', 'gateways']) plane.kubernetes.absent.add(plural);
    await plane.controller.start();
    expect(await plane.controller.logged('nothing of them has an effect')).toMatchObject({
      kinds: ['Gateway', 'HTTPRoute'],
    });
    const { kinds } = JSON.parse((await plane.controller.page('/debug/sync')).text) as { kinds: unknown[] };
    expect(kinds).toContainEqual({ kind: 'Gateway', state: 'absent', objects: 0 });
    expect(kinds).toContainEqual({ kind: 'Pod', state: 'live', objects: 2 });
  });

  it('issues to whom the API server knows, and to nobody else', async () => {
    await plane.controller.start();
    expect(await certificate(GOOD)).toBe('issued');
    expect(await certificate('bad')).toMatch(/AMBIT_|not authenticated/);
    expect(await plane.controller.logged('the bearer token is refused: unknown')).toMatchObject({
      code: 'AMBIT_TOKEN_REFUSED',
    });
  });

  it('goes on with those it knows while the API server is away, and tells others to come again', async () => {
    await plane.controller.start();
    expect(await certificate(GOOD)).toBe('issued');
    const told = await subscribe();
    expect([...told]).toContain('Kubernetes//Pod/shop/cart-1');
    await plane.kubernetes.server.kill();
    expect(await certificate(GOOD)).toBe('issued');
    expect(await certificate('never-seen')).toMatch(/UNAVAILABLE|callers cannot be told now/);
    await plane.controller.logged('AMBIT_TOKEN_UNCHECKED');
    expect((await plane.controller.page('/ready')).status).toBe(200);
    // What changes meanwhile is made up for.
    await plane.kubernetes.server.listen();
    plane.kubernetes.put('/api/v1/pods', pod('cart-2', { ip: '10.0.0.3' }));
    await toldOf(told, 'Kubernetes//Pod/shop/cart-2');
  });

  it('publishes a Pod that is newer than this program, and keeps what a wrong policy was before', async () => {
    const policy = (spec: object, generation: number): Parameters<TestKubernetes['put']>[1] => ({
      metadata: { name: 'only-web', namespace: 'shop', generation },
      spec,
    });
    plane.kubernetes.put(POLICIES, policy({ rules: [{ from: [{ source: { namespaces: ['web'] } }] }] }, 1));
    await plane.controller.start();
    const told = await subscribe();
    const newer = pod('newer-1', { ip: '10.0.0.4' }) as unknown as { metadata: { name: string }; spec: object };
    plane.kubernetes.put('/api/v1/pods', { ...newer, spec: { ...newer.spec, brandNew: true } });
    await toldOf(told, 'Kubernetes//Pod/shop/newer-1');
    plane.kubernetes.put(POLICIES, policy({ ruls: [] }, 2));
    expect(await plane.controller.logged('object refused')).toMatchObject({
      kind: 'AuthorizationPolicy',
      name: 'shop/only-web',
    });
    plane.kubernetes.put('/api/v1/pods', pod('later-1', { ip: '10.0.0.5' }));
    await toldOf(told, 'Kubernetes//Pod/shop/later-1');
    expect([...told]).toContain('shop/only-web');
    await eventually(() => {
      const status = plane.kubernetes.get(POLICIES, 'shop/only-web')?.['status'] as
        | { conditions?: object[] }
        | undefined;
      return JSON.stringify(status?.conditions ?? []).includes('spec.ruls: unknown field') ? true : undefined;
    }, 'its condition');
  });

  it('puts another authority in force without a restart, and refuses one that cannot be used', async () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const plugIn = (authority: TestAuthority, key: string): void => {
      plane.kubernetes.put('/api/v1/secrets', {
        metadata: { name: 'cacerts', namespace: 'istio-system' },
        data: {
          'ca-cert.pem': base64(authority.certificatePem),
          'ca-key.pem': base64(key),
          'cert-chain.pem': base64(authority.intermediatePems.join('')),
          'root-cert.pem': base64(authority.rootPem),
        },
      });
    };
    const notAfter = new Date(Date.now() + 1_000 * 3_600_000);
    const root = await TestAuthority.create({ name: 'first root', notAfter });
    const one = await root.intermediate({ name: 'one', notAfter });
    const two = await root.intermediate({ name: 'two', notAfter });
    const other = await TestAuthority.create({ name: 'second root', notAfter });
    plugIn(one, await one.keyPem());
    await plane.controller.start();
    const before = await roots();
    expect(before).toBe(root.rootPem);

    plugIn(other, await one.keyPem());
    expect(await plane.controller.logged('is not taken')).toMatchObject({ code: 'AMBIT_CA_FILES', level: 'error' });
    expect((await plane.controller.page('/metrics')).text).toMatch(/^ambit_ca_refused 1$/m);
    expect(await certificate(GOOD)).toBe('issued');

    plugIn(two, await two.keyPem());
    await plane.controller.logged('another authority signs from now on');
    expect(await roots()).toBe(before);
    expect((await plane.controller.page('/metrics')).text).toMatch(/^ambit_ca_refused 0$/m);

    plugIn(other, await other.keyPem());
    await plane.controller.logged('a new root is trusted from now on');
    const both = await eventually(() => {
      const text = plane.kubernetes.get('/api/v1/configmaps', 'shop/istio-ca-root-cert')?.['data'] as Record<
        string,
        string
      >;
      return text['root-cert.pem'] === before ? undefined : text['root-cert.pem'];
    }, 'both roots');
    expect(both).toBe(other.rootPem + root.rootPem);
    expect(await certificate(GOOD)).toBe('issued');
    const handover = '/api/v1/secrets';
    await eventually(() => plane.kubernetes.get(handover, 'istio-system/ambit-ca-handover'), 'the handover');

    // The next controller goes on where this one was.
    await plane.controller.stop();
    await plane.controller.start();
    expect((await plane.controller.page('/metrics')).text).toMatch(/^ambit_ca_roots 2$/m);
    expect((await plane.controller.page('/metrics')).text).toMatch(/^ambit_ca_handover_timestamp [1-9]/m);
    expect(await certificate(GOOD)).toBe('issued');
  }, 90_000);

  it('gives up its Lease when it stops', async () => {
    await plane.controller.start();
    await plane.controller.logged('leads');
    expect(await plane.controller.stop()).toBe(0);
    const lease = plane.kubernetes.get('/apis/coordination.k8s.io/v1/leases', 'istio-system/ambit-leader');
    expect((lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity ?? '').toBe('');
  });
});
