import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Client, Scopes } from '../client.ts';
import { DOUBT_MILLISECONDS, QUARANTINE_AFTER_FAILURES, QUARANTINE_MILLISECONDS } from '../limits.ts';
import type { LoadBalancing, RoutingPreference, Service } from '../service.ts';
import { choiceOf, clientFor, port, seededRandom, service, spiffe, storeOf, workload } from '../test-model.ts';
import type { Workload } from '../workload.ts';
import { chooseAddress } from './endpoint.ts';
import type { Choice } from './endpoint-set.ts';
import type { EndpointPurpose } from './endpoint-table.ts';

const WEB = workload('web', {
  node: 'n1',
  locality: { region: 'r1', zone: 'z1', subzone: 's1' },
  addresses: ['10.9.0.1'],
});

function pod(name: string, fields: Partial<Workload> = {}): Workload {
  return workload(name, { addresses: ['10.0.0.1'], services: new Map([['shop/cart', []]]), ...fields });
}

function cart(fields: Partial<Service> = {}): Service {
  return service('cart', ['10.96.0.1'], { key: 'shop/cart', ...fields });
}

class Picker {
  readonly #store;
  readonly #service: Service;
  readonly client: Client;

  constructor(target: Service, pods: readonly Workload[], own: Workload = WEB) {
    this.#store = storeOf({ services: [target], workloads: pods });
    this.#service = target;
    this.client = clientFor(this.#store, own);
  }

  pick(
    choice: Choice,
    {
      to = 80,
      purpose = 'service',
      excluded = [],
    }: { to?: number; purpose?: EndpointPurpose; excluded?: string[] } = {},
  ) {
    const set = this.#store.endpoints('shop/cart');
    return set?.pick(
      this.#service,
      to,
      purpose,
      this.client,
      choice,
      new Set(excluded.map((name) => `cluster//Pod/shop/${name}`)),
    );
  }

  /** How often each pod is drawn in `draws` draws. */
  counts(choice: Choice, draws = 3_000, excluded: string[] = []): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let draw = 0; draw < draws; draw++) {
      const name = this.pick(choice, { excluded })?.workload.name ?? 'none';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** Who can be drawn at all. */
  names(excluded: string[] = []): string[] {
    return Object.keys(this.counts({ ...choiceOf(), random: seededRandom(1) }, 300, excluded)).sort();
  }
}

function random(): Choice {
  return { ...choiceOf(), random: seededRandom(7) };
}

const prefer = (mode: LoadBalancing['mode'], ...preferences: RoutingPreference[]): Partial<Service> => ({
  loadBalancing: { mode, preferences, allowUnhealthy: false },
});
const place = (region: string, zone: string, network = ''): Partial<Workload> => ({
  locality: { region, zone, subzone: '' },
  network,
});

describe('a weighted pick', () => {
  it('follows capacities', () => {
    const picker = new Picker(cart(), [pod('a', { capacity: 3 }), pod('b'), pod('c', { capacity: 0 })]);
    const { a = 0, b = 0, c } = picker.counts(random());
    expect(a / b).toBeGreaterThan(2.6);
    expect(a / b).toBeLessThan(3.4);
    expect(c).toBeUndefined();
  });

  it('is even among equals', () => {
    const counts = Object.values(
      new Picker(
        cart(),
        ['a', 'b', 'c', 'd'].map((name) => pod(name)),
      ).counts(random()),
    );
    expect(Math.min(...counts)).toBeGreaterThan(650);
    expect(Math.max(...counts)).toBeLessThan(850);
  });

  it('passes over unready pods unless the service wants them', () => {
    const pods = [pod('a'), pod('b', { healthy: false })];
    expect(new Picker(cart(), pods).names()).toEqual(['a']);
    const all = cart({ loadBalancing: { mode: 'standard', preferences: [], allowUnhealthy: true } });
    expect(new Picker(all, pods).names()).toEqual(['a', 'b']);
  });

  it('passes over pods that cannot be reached', () => {
    const gateway = { destination: { kind: 'address', network: 'n2', ip: '1.1.1.1' }, hbonePort: 15_008 } as const;
    const pods = [
      pod('nowhere', { addresses: [] }),
      pod('hostname', { addresses: [], hostname: 'x.example' }),
      pod('far', { network: 'n2' }),
      pod('far-with-gateway', { network: 'n2', addresses: [], networkGateway: gateway }),
    ];
    // Of the name nobody knows an address.
    expect(new Picker(cart(), pods).names()).toEqual(['far-with-gateway']);
  });
});

describe('routing preferences', () => {
  const pods = [
    pod('here', place('r1', 'z1')),
    pod('region', place('r1', 'z2')),
    pod('zone-only', place('r2', 'z1')),
    pod('away', place('r2', 'z2')),
  ];

  it('strict: only what matches all', () => {
    expect(new Picker(cart(prefer('strict', 'region', 'zone')), pods).names()).toEqual(['here']);
    expect(new Picker(cart(prefer('strict', 'node')), pods).names()).toEqual(['none']);
  });

  it('failover: the most leading matches, and the next rank when those were tried', () => {
    const picker = new Picker(cart(prefer('failover', 'region', 'zone')), pods);
    expect(picker.names()).toEqual(['here']);
    expect(picker.names(['here'])).toEqual(['region']);
    expect(picker.names(['here', 'region'])).toEqual(['away', 'zone-only']);
    expect(picker.names(['here', 'region', 'zone-only', 'away'])).toEqual(['none']);
  });

  it('failover with network in front: other networks are ranked by the rest, the own one is lifted', () => {
    const gateway = { destination: { kind: 'address', network: 'n2', ip: '1.1.1.1' }, hbonePort: 15_008 } as const;
    const far = (name: string, zone: string) => pod(name, { ...place('r1', zone, 'n2'), networkGateway: gateway });
    const picker = new Picker(cart(prefer('failover', 'network', 'region', 'zone')), [
      pod('own', place('r1', 'z2')),
      far('near', 'z1'),
      far('middle', 'z2'),
    ]);
    expect(picker.names()).toEqual(['own']);
    expect(picker.names(['own'])).toEqual(['near']);
    expect(picker.names(['own', 'near'])).toEqual(['middle']);
  });

  it('rank as a slow reading of the rules does', () => {
    const value = fc.constantFrom('1', '2');
    const preferences: RoutingPreference[] = ['region', 'zone', 'subzone', 'node', 'cluster', 'network'];
    const scopes = fc.record<Scopes>({
      region: value,
      zone: value,
      subzone: value,
      node: value,
      cluster: value,
      network: value,
    });
    const chosen = fc.uniqueArray(fc.constantFrom(...preferences), { minLength: 1, maxLength: 4 });
    const gateway = { destination: { kind: 'address', network: '1', ip: '1.1.1.1' }, hbonePort: 15_008 } as const;
    const placed = ({ region, zone, subzone, node, cluster, network }: Scopes): Partial<Workload> => ({
      locality: { region, zone, subzone },
      node,
      clusterId: cluster,
      network,
      networkGateway: gateway,
    });
    fc.assert(
      fc.property(scopes, fc.array(scopes, { minLength: 1, maxLength: 5 }), chosen, (from, to, list) => {
        const pods = to.map((scope, index) => pod(`p${index}`, placed(scope)));
        const own = workload('web', placed(from));
        const leading = (scope: Scopes, wanted: readonly RoutingPreference[]) => {
          const miss = wanted.findIndex((name) => scope[name] !== from[name]);
          return miss < 0 ? wanted.length : miss;
        };
        const ranks = to.map((scope) => {
          if (list[0] !== 'network') return leading(scope, list);
          return leading(scope, list.slice(1)) + (scope.network === from.network ? list.length - 1 : 0);
        });
        const best = Math.max(...ranks);
        const expected = pods.filter((_, index) => ranks[index] === best).map(({ name }) => name);
        expect(new Picker(cart(prefer('failover', ...list)), pods, own).names()).toEqual(expected);
        const all = pods.filter((_, index) => leading(to[index] ?? from, list) === list.length).map(({ name }) => name);
        const strict = new Picker(cart(prefer('strict', ...list)), pods, own).names();
        expect(strict).toEqual(all.length > 0 ? all : ['none']);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the port on the pod', () => {
  const named = new Map([['shop/cart', [{ servicePort: 80, targetPort: 9090 }]]]);
  const tunnel = { protocol: 'proxy', port: 15_088 } as const;
  it.each<[string, Partial<Workload>, Partial<Service>, number, EndpointPurpose, number | undefined]>([
    ['is what the pod says', { services: named }, {}, 80, 'service', 9090],
    ['is what the service says', {}, {}, 80, 'service', 8080],
    ['is none when nobody says', {}, { ports: [port(80, 0)] }, 80, 'service', undefined],
    ['is none for a port that nobody serves', { services: named }, {}, 81, 'service', undefined],
    [
      'is the same with an application tunnel',
      { applicationTunnel: tunnel },
      { ports: [port(80, 0)] },
      80,
      'service',
      80,
    ],
    [
      'of a waypoint need not be a port of its service',
      { applicationTunnel: { protocol: 'none', port: 0 } },
      {},
      15_008,
      'waypoint',
      15_008,
    ],
    ['of a waypoint is its target port', {}, { ports: [port(15_008, 15_008)] }, 15_008, 'waypoint', 15_008],
  ])('%s', (_case, fields, target, asked, purpose, expected) => {
    const picker = new Picker(cart(target), [pod('a', fields)]);
    expect(picker.pick(choiceOf(), { to: asked, purpose })?.port).toBe(expected);
  });
});

describe('the identities that may answer', () => {
  it('are those of the pod and of its service; what is no SPIFFE id is none', () => {
    const named = cart({ subjectAltNames: ['spiffe://td/ns/a/sa/b', 'cart.example'] });
    const endpoint = new Picker(named, [pod('a')]).pick(choiceOf());
    expect(endpoint?.identities).toEqual([spiffe('shop', 'a'), spiffe('a', 'b', 'td')]);
  });
});

describe('the address of a pod', () => {
  const dual = pod('a', { addresses: ['10.0.0.1', 'fd00::1', 'fd00::2'] });
  it.each<[string, string, Service['ipFamilies'], string]>([
    ['the one that was dialled', 'fd00::2', 'automatic', 'fd00::2'],
    ['of the family that was dialled', 'fd99::1', 'automatic', 'fd00::1'],
    ['of a family of the service', 'fd99::1', 'ipv4', '10.0.0.1'],
    ['of a family of the service, the other way', '10.96.0.1', 'ipv6', 'fd00::1'],
    ['the first', '10.96.0.1', 'dual', '10.0.0.1'],
  ])('is %s', (_case, asked, ipFamilies, expected) => {
    expect(chooseAddress(dual, asked, cart({ ipFamilies }))).toBe(expected);
  });
});

describe('quarantine', () => {
  const uid = (name: string) => `cluster//Pod/shop/${name}`;
  const bench = (choice: Choice, name: string) => {
    for (let failure = 0; failure < QUARANTINE_AFTER_FAILURES; failure++)
      choice.quarantine.failed(uid(name), choice.now());
  };

  it('passes over a pod that failed several times in a row, for a short while', () => {
    let now = 0;
    const choice = { ...random(), now: () => now };
    const picker = new Picker(cart(), [pod('a'), pod('b')]);
    for (let failure = 1; failure < QUARANTINE_AFTER_FAILURES; failure++) {
      expect(choice.quarantine.failed(uid('a'), now)).toBe(false);
      now += DOUBT_MILLISECONDS;
    }
    expect(Object.keys(picker.counts(choice, 100)).sort()).toEqual(['a', 'b']);
    expect(choice.quarantine.failed(uid('a'), now)).toBe(true);
    expect(Object.keys(picker.counts(choice, 100))).toEqual(['b']);
    now += QUARANTINE_MILLISECONDS;
    expect(Object.keys(picker.counts(choice, 100)).sort()).toEqual(['a', 'b']);
    choice.quarantine.failed(uid('a'), now);
    expect(Object.keys(picker.counts(choice, 100))).toEqual(['b']);
    choice.quarantine.succeeded(uid('a'));
    expect(Object.keys(picker.counts(choice, 100)).sort()).toEqual(['a', 'b']);
  });

  it('others of its rank come first for a moment after a pod failed once, but no other rank', () => {
    let now = 0;
    const choice = { ...random(), now: () => now };
    const zones = new Picker(cart(prefer('failover', 'zone')), [
      pod('near', place('r1', 'z1')),
      pod('beside', place('r1', 'z1')),
      pod('far', place('r1', 'z2')),
    ]);
    choice.quarantine.failed(uid('near'), now);
    expect(Object.keys(zones.counts(choice, 100))).toEqual(['beside']);
    choice.quarantine.failed(uid('beside'), now);
    expect(Object.keys(zones.counts(choice, 100)).sort()).toEqual(['beside', 'near']);
    now += DOUBT_MILLISECONDS;
    choice.quarantine.failed(uid('near'), now);
    choice.quarantine.succeeded(uid('near'));
    expect(Object.keys(zones.counts(choice, 100)).sort()).toEqual(['beside', 'near']);
  });

  it('never takes all: with nothing else left they are used, those tried already excepted', () => {
    const choice = random();
    const picker = new Picker(cart(), [pod('a'), pod('b')]);
    bench(choice, 'a');
    bench(choice, 'b');
    expect(Object.keys(picker.counts(choice, 100)).sort()).toEqual(['a', 'b']);
    expect(Object.keys(picker.counts(choice, 100, ['a']))).toEqual(['b']);
  });

  it('moves a service to its next rank before it uses a benched pod', () => {
    const choice = random();
    const picker = new Picker(cart(prefer('failover', 'zone')), [
      pod('near', place('r1', 'z1')),
      pod('far', place('r1', 'z2')),
    ]);
    bench(choice, 'near');
    expect(Object.keys(picker.counts(choice, 100))).toEqual(['far']);
  });
});

describe('a client that dials port after port', () => {
  it('gets nothing for ports that nobody serves', () => {
    const picker = new Picker(cart(), [pod('a')]);
    for (let to = 1_000; to < 3_000; to++) expect(picker.pick(choiceOf(), { to })).toBeUndefined();
    const tunnel = { protocol: 'proxy', port: 15_088 } as const;
    const any = new Picker(cart(), [pod('a', { applicationTunnel: tunnel })]);
    for (let to = 1_000; to < 3_000; to++) expect(any.pick(choiceOf(), { to })?.port).toBe(to);
  });
});
