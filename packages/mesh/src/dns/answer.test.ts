import { describe, expect, it } from 'vitest';
import type { MeshStoreOptions } from '../mesh-store.ts';
import { clientFor, endpointOf, seededRandom, service, storeOf, type TestMesh, workload } from '../test-model.ts';
import { answerDns, type DnsAnswer, type DnsQuestion } from './answer.ts';

const WEB = workload('web', { addresses: ['10.0.0.1'] });
const CART = service('cart', ['10.96.0.1', 'fd96::1']);

interface Asked {
  readonly type?: DnsQuestion['type'];
  readonly store?: MeshStoreOptions;
  readonly ipv6?: boolean;
}

function ask(mesh: TestMesh, name: string, { type = 'A', store: options = {}, ipv6 = true }: Asked = {}): DnsAnswer {
  const store = storeOf(mesh, options);
  return answerDns(store, clientFor(store, WEB), { name, type }, { ipv6, random: seededRandom(1) });
}

/** `name -> value` per record. */
function records(answer: DnsAnswer): string[] | DnsAnswer['kind'] {
  if (answer.kind !== 'answer') return answer.kind;
  return answer.records.map((record) =>
    record.type === 'CNAME' ? `${record.name} -> ${record.target}` : `${record.name} ${record.type} ${record.address}`,
  );
}

describe('a service', () => {
  it.each([
    'cart.shop.svc.cluster.local.',
    'cart.shop.svc.cluster.local',
    'CaRt.Shop.svc.cluster.local.',
    'cart',
    'cart.shop',
    'cart.shop.svc.',
  ])('is found as %s, and answered under that name', (name) => {
    expect(records(ask({ services: [CART] }, name))).toEqual([`${name} A 10.96.0.1`]);
    expect(records(ask({ services: [CART] }, name, { type: 'AAAA' }))).toEqual([`${name} AAAA fd96::1`]);
  });

  it('lives 30 seconds', () => {
    expect(ask({ services: [CART] }, 'cart')).toMatchObject({ records: [{ ttl: 30 }] });
  });

  it('has an empty answer for a family it has no address of, or that is switched off', () => {
    const four = service('cart', ['10.96.0.1']);
    expect(records(ask({ services: [four] }, 'cart', { type: 'AAAA' }))).toBe('empty');
    expect(records(ask({ services: [CART] }, 'cart', { type: 'AAAA', ipv6: false }))).toBe('empty');
  });

  it('answers with the addresses of the own network only', () => {
    const elsewhere = { ...CART, addresses: [{ network: 'n2', ip: '10.96.0.1', prefixLength: undefined }] };
    expect(records(ask({ services: [elsewhere] }, 'cart'))).toBe('empty');
  });

  it('of another cluster domain is found by the same short names', () => {
    const foreign = service('cart', ['10.96.0.1'], { hostname: 'cart.shop.svc.example.org' });
    expect(records(ask({ services: [foreign] }, 'cart', { store: { clusterDomain: 'example.org' } }))).toEqual([
      'cart A 10.96.0.1',
    ]);
  });

  it('is chosen among those of the same name: own namespace, canonical, preferred namespace, first', () => {
    const named = (namespace: string, ip: string, canonical = false) =>
      service('api', [ip], { namespace, hostname: 'api.example.com', canonical });
    const all = [
      named('shop', '1.1.1.1'),
      named('zoo', '2.2.2.2', true),
      named('pref', '3.3.3.3'),
      named('a', '4.4.4.4'),
    ];
    const chosen = (from: number) =>
      records(ask({ services: all.slice(from) }, 'api.example.com', { store: { preferredServiceNamespace: 'pref' } }));
    expect([0, 1, 2, 3].map(chosen)).toEqual([
      ['api.example.com A 1.1.1.1'],
      ['api.example.com A 2.2.2.2'],
      ['api.example.com A 3.3.3.3'],
      ['api.example.com A 4.4.4.4'],
    ]);
  });

  it('private to another namespace is not ours to answer', () => {
    const secret = service('api', ['1.1.1.1'], {
      namespace: 'other',
      hostname: 'api.example.com',
      namespaceOnly: true,
    });
    expect(records(ask({ services: [secret] }, 'api.example.com'))).toBe('forward');
  });
});

describe('a name to which the resolver has added its search list', () => {
  const api = service('api', ['1.1.1.1'], { hostname: 'api.example.com' });

  it.each(['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'])('%s leads to the real name', (domain) => {
    const name = `api.example.com.${domain}.`;
    expect(records(ask({ services: [api] }, name))).toEqual([
      `${name} -> api.example.com.`,
      'api.example.com. A 1.1.1.1',
    ]);
  });

  it('is found with the list added to a full cluster name', () => {
    const name = 'cart.shop.svc.cluster.local.shop.svc.cluster.local';
    expect(records(ask({ services: [CART] }, name))).toEqual([
      `${name} -> cart.shop.svc.cluster.local`,
      'cart.shop.svc.cluster.local A 10.96.0.1',
    ]);
  });

  it('prefers the literal name', () => {
    const literal = service('x', ['2.2.2.2'], { hostname: 'api.example.com.cluster.local' });
    expect(records(ask({ services: [api, literal] }, 'api.example.com.cluster.local'))).toEqual([
      'api.example.com.cluster.local A 2.2.2.2',
    ]);
  });
});

describe('a wildcard', () => {
  const wild = service('wild', ['1.1.1.1'], { hostname: '*.example.com' });

  it('answers for any number of labels, under the name that was asked', () => {
    for (const name of ['a.example.com', 'a.b.example.com', 'a.example.com.cluster.local']) {
      expect(records(ask({ services: [wild] }, name))).toEqual([`${name} A 1.1.1.1`]);
    }
    expect(records(ask({ services: [wild] }, 'example.com'))).toBe('forward');
  });

  it('gives way to the exact name and to longer wildcards', () => {
    const longer = service('longer', ['2.2.2.2'], { hostname: '*.b.example.com' });
    const exact = service('exact', ['3.3.3.3'], { hostname: 'a.b.example.com' });
    const names = ['x.example.com', 'x.b.example.com', 'a.b.example.com'];
    const addresses = names.map((name) => ask({ services: [wild, longer, exact] }, name));
    expect(addresses).toMatchObject(['1.1.1.1', '2.2.2.2', '3.3.3.3'].map((address) => ({ records: [{ address }] })));
  });
});

describe('a headless service', () => {
  const headless = service('db', []);
  const pod = (name: string, ip: string, fields = {}) =>
    workload(name, { addresses: [ip], services: endpointOf(headless), ...fields });
  const pods = [pod('db-0', '10.0.0.5'), pod('db-1', '10.0.0.6'), pod('db-2', '10.0.0.7', { healthy: false })];

  it('answers with its ready pods, in changing order', () => {
    const store = storeOf({ services: [headless], workloads: pods });
    const random = seededRandom(3);
    const orders = new Set<string>();
    for (let turn = 0; turn < 20; turn++) {
      const answer = answerDns(store, clientFor(store, WEB), { name: 'db', type: 'A' }, { random });
      const addresses = records(answer);
      expect(typeof addresses === 'string' ? [] : addresses.toSorted()).toEqual(['db A 10.0.0.5', 'db A 10.0.0.6']);
      orders.add(String(addresses));
    }
    expect(orders.size).toBe(2);
  });

  it('answers with all pods when it publishes those that are not ready', () => {
    const all = { ...headless, loadBalancing: { mode: 'standard', preferences: [], allowUnhealthy: true } as const };
    expect(records(ask({ services: [all], workloads: pods }, 'db'))).toHaveLength(3);
  });

  it('without ready pods exists, and is empty', () => {
    expect(records(ask({ services: [headless] }, 'db'))).toBe('empty');
  });
});

describe('what is not ours', () => {
  it.each<[string, TestMesh, string, Asked]>([
    ['an unknown name', {}, 'www.example.com', {}],
    ['an unknown cluster name', {}, 'nobody.shop.svc.cluster.local', {}],
    ['the root', {}, '.', {}],
    ['another type', { services: [CART] }, 'cart', { type: 'other' }],
    ['an outside host without address', { services: [service('x', [], { hostname: 'x.example' })] }, 'x.example', {}],
    [
      'a host with a range only',
      { services: [service('x', ['10.0.0.0/8'], { hostname: 'x.example' })] },
      'x.example',
      {},
    ],
    ['a workload without address', { workloads: [workload('vm', { hostname: 'vm.example' })] }, 'vm.example', {}],
  ])('%s is forwarded', (_case, mesh, name, asked) => {
    expect(records(ask(mesh, name, asked))).toBe('forward');
  });
});

describe('others', () => {
  it('a workload with a hostname answers with its own addresses', () => {
    const vm = workload('vm', { hostname: 'vm.example', addresses: ['10.0.0.8'] });
    expect(records(ask({ workloads: [vm] }, 'vm.example'))).toEqual(['vm.example A 10.0.0.8']);
  });

  it('a pod that nobody knows gets SERVFAIL', () => {
    const answer = answerDns(storeOf({}), undefined, { name: 'cart', type: 'A' }, { random: () => 0 });
    expect(answer.kind).toBe('servfail');
  });
});
