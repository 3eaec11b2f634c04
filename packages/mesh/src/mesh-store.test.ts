import { describe, expect, it } from 'vitest';
import type { MeshStore } from './mesh-store.ts';
import { writeBatch } from './resource/batch.ts';
import { workloadEntry } from './resource/encode.ts';
import { encodeSnapshot } from './resource/snapshot.ts';
import {
  change,
  choiceOf,
  clientFor,
  endpointOf,
  entriesOf,
  policy,
  removal,
  service,
  spiffe,
  storeOf,
  workload,
} from './test-model.ts';
import type { Workload } from './workload.ts';

const CART = service('cart', ['10.96.0.1']);

function uids(store: MeshStore, key: string): string[] {
  return [...(store.endpoints(key)?.members() ?? [])].map(({ keys }) => keys.uid);
}

describe('workloads', () => {
  it('are found by address, by their pod and by hostname', () => {
    const cart = workload('cart-1', { addresses: ['10.0.0.1', 'fd00::1'], network: 'n1', hostname: 'cart.example' });
    const store = storeOf({ workloads: [cart] });
    expect(store.findWorkload('n1', 'fd00::1')).toEqual(cart);
    expect(store.findWorkload('', '10.0.0.1')).toBeUndefined();
    expect(store.findOwn('shop', 'cart-1', 'cart')).toEqual(cart);
    expect(store.findOwn('shop', 'cart-1', 'other')).toBeUndefined();
    expect(storeOf({ workloads: [cart] }, { node: 'a' }).findOwn('shop', 'cart-1', 'cart')).toEqual(cart);
    expect(storeOf({ workloads: [cart] }, { node: 'b' }).findOwn('shop', 'cart-1', 'cart')).toBeUndefined();
    expect(store.workloads.byHostname('cart.example').map(({ keys }) => keys.uid)).toEqual([cart.uid]);
  });

  it('that reuse an address take it over, and give it back when they go', () => {
    const old = workload('old', { addresses: ['10.0.0.1'] });
    const young = workload('young', { addresses: ['10.0.0.1'] });
    const store = storeOf({ workloads: [old, young] });
    expect(store.findWorkload('', '10.0.0.1')?.name).toBe('young');
    change(store, {}, [removal('remove-address', young.uid)]);
    expect(store.findWorkload('', '10.0.0.1')?.name).toBe('old');
    change(store, {}, [removal('remove-address', old.uid)]);
    expect(store.findWorkload('', '10.0.0.1')).toBeUndefined();
  });

  it('that change address are no longer found at the old one', () => {
    const store = storeOf({ workloads: [workload('cart', { addresses: ['10.0.0.1'] })] });
    change(store, { workloads: [workload('cart', { addresses: ['10.0.0.2'] })] });
    expect(store.findWorkload('', '10.0.0.1')).toBeUndefined();
    expect(store.findWorkload('', '10.0.0.2')?.name).toBe('cart');
  });

  it('may come before their service, and join it when it comes', () => {
    const pod = workload('cart-1', { addresses: ['10.0.0.1'], services: endpointOf(CART) });
    const store = storeOf({ workloads: [pod] });
    expect([...store.stagedEndpoints()].map(([key]) => key)).toEqual([CART.key]);
    change(store, { services: [CART] });
    expect([...store.stagedEndpoints()]).toEqual([]);
    expect(uids(store, CART.key)).toEqual([pod.uid]);
  });

  it('leave the services they no longer name', () => {
    const store = storeOf({ services: [CART], workloads: [workload('cart-1', { services: endpointOf(CART) })] });
    change(store, { workloads: [workload('cart-1')] });
    expect(uids(store, CART.key)).toEqual([]);
  });
});

describe('services', () => {
  const at = (store: MeshStore, ip: string, namespace: string) => store.findService('', ip, namespace)?.key;

  it('of one address: the own namespace, then the canonical one, then the first by name', () => {
    const own = service('s', ['10.96.0.1'], { namespace: 'own' });
    const canonical = service('s', ['10.96.0.1'], { namespace: 'zoo', canonical: true });
    const store = storeOf({ services: [service('s', ['10.96.0.1'], { namespace: 'b' }), canonical, own] });
    expect(at(store, '10.96.0.1', 'own')).toBe(own.key);
    expect(at(store, '10.96.0.1', 'elsewhere')).toBe(canonical.key);
    change(store, {}, [removal('remove-address', canonical.key)]);
    expect(at(store, '10.96.0.1', 'elsewhere')).toBe('b/s.b.svc.cluster.local');
  });

  it('of a range: the longest first, own namespace only among equals', () => {
    const wide = service('wide', ['10.0.0.0/8'], { namespace: 'own' });
    const narrow = service('narrow', ['10.1.0.0/16'], { namespace: 'other' });
    const mine = service('mine', ['10.1.0.0/16'], { namespace: 'own' });
    const store = storeOf({ services: [wide, narrow] });
    expect(at(store, '10.1.2.3', 'own')).toBe(narrow.key);
    expect(at(store, '10.2.2.3', 'own')).toBe(wide.key);
    change(store, { services: [mine] });
    expect(at(store, '10.1.2.3', 'own')).toBe(mine.key);
    change(
      store,
      {},
      [mine, narrow, wide].map(({ key }) => removal('remove-address', key)),
    );
    expect(at(store, '10.1.2.3', 'own')).toBeUndefined();
  });

  it('private to a namespace are seen there only, also behind a shorter range', () => {
    const secret = service('secret', ['10.1.0.0/16', '10.96.0.7'], { namespaceOnly: true });
    const open = service('open', ['10.0.0.0/8'], { namespace: 'other' });
    const store = storeOf({ services: [secret, open] });
    expect(at(store, '10.1.2.3', 'shop')).toBe(secret.key);
    expect(at(store, '10.1.2.3', 'elsewhere')).toBe(open.key);
    expect(at(store, '10.96.0.7', 'elsewhere')).toBe(open.key);
  });
});

describe('batches', () => {
  const many = Array.from({ length: 200 }, (_, index) => workload(`pod-${index}`, { addresses: [`10.0.1.${index}`] }));

  it('are applied a slice at a time, and reported when whole', () => {
    const store = storeOf({});
    store.enqueue(writeBatch(5, false, entriesOf({ workloads: many })));
    store.enqueue(writeBatch(6, false, [removal('remove-address', many[0]?.uid ?? '')]));
    let time = 0;
    let slices = 0;
    while (store.applySlice(1, () => time++)) {
      slices++;
      expect(store.generation).toBe(store.workloads.size < 200 ? 1 : 5);
    }
    expect(slices).toBeGreaterThan(5);
    expect(store.generation).toBe(6);
    expect(store.workloads.size).toBe(199);
  });

  it('that are a whole state remove what they do not name, after the rest is in place', () => {
    const store = storeOf({ services: [CART], policies: [policy('p', {})], workloads: many.slice(0, 3) });
    const kept = many.slice(1, 2);
    store.apply(writeBatch(2, true, entriesOf({ workloads: kept })));
    expect([...store.workloads.all()].map(({ keys }) => keys.uid)).toEqual(kept.map(({ uid }) => uid));
    expect([store.services.size, store.policies.size]).toEqual([0, 0]);
  });

  it('of a snapshot make a store that answers the same, disputed addresses included', () => {
    const disputed = ['b', 'a', 'c'].map((name) =>
      workload(name, { addresses: ['10.0.0.9'], services: endpointOf(CART) }),
    );
    const store = storeOf({ services: [CART], policies: [policy('p', {})], workloads: disputed });
    change(store, { workloads: disputed.slice(0, 1) });
    const copy = storeOf({});
    copy.apply(encodeSnapshot(store, 3));
    expect(copy.findWorkload('', '10.0.0.9')?.name).toBe('b');
    expect(copy.findWorkload('', '10.0.0.9')).toEqual(store.findWorkload('', '10.0.0.9'));
    expect(uids(copy, CART.key).sort()).toEqual(uids(store, CART.key).sort());
    expect(copy.policies.byKey('shop/p')?.model).toEqual(store.policies.byKey('shop/p')?.model);
  });

  it('do not stay in memory for the few resources that are left of them', () => {
    const big = many.map((one) => ({ ...one, canonicalName: 'x'.repeat(1_000) }));
    const store = storeOf({ workloads: big });
    const last = store.workloads.byUid(big[199]?.uid ?? '');
    const text = last?.record();
    expect(last?.batchBytes).toBeGreaterThan(200_000);
    change(
      store,
      {},
      big.slice(0, 199).map(({ uid }) => removal('remove-address', uid)),
    );
    expect(last?.batchBytes).toBeLessThan(2_000);
    expect(last?.record()).toBe(text);
    expect(last?.model).toEqual(big[199]);
  });
});

describe('changes', () => {
  const pay = workload('pay', { addresses: ['10.0.0.1'], authorizationPolicies: ['root/strict'] });

  it('say which workloads came, changed or went, once', () => {
    const store = storeOf({ workloads: [pay] });
    expect([...(store.takeChanges()?.workloads ?? [])]).toEqual([pay.uid]);
    expect(store.takeChanges()).toBeUndefined();
    change(store, {}, [removal('remove-address', pay.uid)]);
    expect([...(store.takeChanges()?.retiredWorkloads ?? [])]).toEqual([pay.uid]);
  });

  it.each<[string, Partial<Workload>, boolean]>([
    ['another address', { addresses: ['10.0.0.2'] }, true],
    ['another identity', { identity: spiffe('shop', 'other') }, true],
    ['another protocol', { protocol: 'tcp' }, true],
    ['health', { healthy: false }, false],
    ['its policies', { authorizationPolicies: [] }, false],
  ])('of a workload by %s retire its tunnels: %s', (_case, fields, retired) => {
    const store = storeOf({ workloads: [pay] });
    store.findWorkload('', '10.0.0.1');
    store.takeChanges();
    change(store, { workloads: [workload('pay', { ...pay, ...fields })] });
    const changes = store.takeChanges();
    expect(changes?.workloads.has(pay.uid)).toBe(true);
    expect(changes?.retiredWorkloads.has(pay.uid)).toBe(retired);
  });

  it.each<[string, Parameters<typeof policy>[2], boolean]>([
    ['its namespace', {}, true],
    ['another namespace', { namespace: 'other' }, false],
    ['everybody', { namespace: 'root', scope: 'global' }, true],
    ['those who list it, as it does', { namespace: 'root', scope: 'workload' }, true],
    ['those who list it, as it does not', { namespace: 'other', scope: 'workload' }, false],
  ])('of a policy for %s concern its connections: %s', (_case, fields, concerned) => {
    const store = storeOf({ workloads: [pay] });
    store.takeChanges();
    change(store, { policies: [policy('strict', {}, fields)] });
    expect(store.takeChanges()?.concern(pay)).toBe(concerned);
  });

  it('of a workload alone concern its own connections: its list of policies may differ', () => {
    const store = storeOf({ workloads: [pay, workload('other')] });
    store.takeChanges();
    change(store, { workloads: [workload('pay', { authorizationPolicies: [] })] });
    const changes = store.takeChanges();
    expect(changes?.concern(pay)).toBe(true);
    expect(changes?.concern(workload('other'))).toBe(false);
  });
});

describe('a store that changes under use', () => {
  it('gives new endpoints to the very next pick', () => {
    const one = workload('cart-1', { addresses: ['10.0.0.1'], services: endpointOf(CART) });
    const store = storeOf({ services: [CART], workloads: [one] });
    const pick = (port = 80) => {
      const client = clientFor(store, workload('web'));
      return store
        .endpoints(CART.key)
        ?.pick(store.services.byKey(CART.key)?.model ?? CART, port, 'service', client, choiceOf(), undefined);
    };
    expect(pick()?.port).toBe(8080);
    change(store, { services: [{ ...CART, ports: [{ servicePort: 80, targetPort: 9090, appProtocol: 'unknown' }] }] });
    expect(pick()?.port).toBe(9090);
    change(store, { workloads: [{ ...one, healthy: false }] });
    expect(pick()).toBeUndefined();
    store.apply(writeBatch(9, false, [workloadEntry({ ...one, healthy: true })]));
    expect(pick()?.workload.uid).toBe(one.uid);
  });
});
