import { LoadBalancer, WarmupSchema } from '@ambit/proto/waypoint';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createClient } from '@ambit/mesh/client';
import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import { EndpointTier } from '@ambit/mesh/endpoint/endpoint-table';
import { Quarantine } from '@ambit/mesh/endpoint/quarantine';
import { QUARANTINE_AFTER_FAILURES, QUARANTINE_MILLISECONDS } from '@ambit/mesh/limits';
import { workload } from '@ambit/mesh/test-model';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CompiledCluster, compileService } from '../compiled-service.ts';
import { allocateClusterMemory } from '../cluster-state/cluster-memory.ts';
import type { OutlierDetection as OutlierPolicy } from '../model/cluster-limits.ts';
import { OutlierDetection } from '../outlier/outlier-detection.ts';
import { cartService, read, seededRandom, V1 } from '../test-service.ts';
import { ClusterEndpoints } from './cluster-endpoints.ts';

const HERE = createClient(
  workload('waypoint').identity,
  [],
  workload('waypoint', { locality: { region: 'r1', zone: 'z1', subzone: '' }, node: 'n1' }),
  { network: '', cluster: 'c', node: 'n1' },
);

const STARTING = { random: seededRandom(1), now: (): number => 0 };

const uid = (name: string): string => `cluster//Pod/shop/${name}`;

/** Candidates as the mesh model gives them: lists of names, best rank first; `name*3` has capacity 3. */
function candidates(...ranks: string[][]): EndpointTier[] {
  return ranks.map(
    (names) =>
      new EndpointTier(
        names.map((text) => {
          const [name = '', capacity = '1'] = text.split('*');
          return {
            workload: workload(name, { capacity: Number(capacity), addresses: ['10.0.0.1'] }),
            port: 8_080,
            identities: [],
          };
        }),
      ),
  );
}

function compiledCluster(subset: string): CompiledCluster {
  const [first] = cartService().clusters ?? [];
  const subsetWorkloadUids = subset === '' ? [] : ['v1-a', 'v1-b'].map(uid);
  const service = read(cartService({ clusters: [{ ...first, subset, subsetWorkloadUids }] }));
  const compiled = compileService(service).clusters.get(V1);
  if (compiled === undefined) throw new Error('the cluster is missing');
  return compiled;
}

function cluster(subset: string, previous?: ClusterEndpoints): ClusterEndpoints {
  return new ClusterEndpoints(compiledCluster(subset), undefined, previous);
}

function choiceAt(now = 0): Choice {
  return { random: seededRandom(5), now: () => now, quarantine: new Quarantine() };
}

/** Who is chosen in many tries, sorted. */
function chosen(endpoints: ClusterEndpoints, tried: string[] = [], choice = choiceAt()): string[] {
  const names = new Set<string>();
  for (let draw = 0; draw < 200; draw++) {
    names.add(endpoints.choose(tried.map(uid), choice)?.endpoint.workload.name ?? 'none');
  }
  return [...names].sort();
}

function endpointsOf(...ranks: string[][]): ClusterEndpoints {
  const endpoints = cluster('');
  endpoints.refresh(candidates(...ranks), STARTING, HERE);
  return endpoints;
}

function bench(choice: Choice, ...names: string[]): Choice {
  for (const name of names) {
    for (let failure = 0; failure < QUARANTINE_AFTER_FAILURES; failure++)
      choice.quarantine.failed(uid(name), choice.now());
  }
  return choice;
}

describe('with outlier detection, an endpoint', () => {
  const POLICY: OutlierPolicy = {
    consecutive5xx: 1,
    consecutiveGatewayErrors: 0,
    splitLocalOrigin: false,
    consecutiveLocalOrigin: 0,
    intervalMs: 1_000,
    baseEjectionMs: 30_000,
    maxEjectionPercent: 100,
    minHealthPercent: 0,
  };

  /** Two ranks, of which some endpoints are out. */
  function excluding(out: readonly string[], policy: Partial<OutlierPolicy> = {}): ClusterEndpoints {
    const { endpoints: memory } = allocateClusterMemory(1, true);
    if (memory === undefined) throw new Error('no memory');
    const outliers = new OutlierDetection(memory, 0, { ...POLICY, ...policy }, () => 1_000_000);
    const endpoints = new ClusterEndpoints(compiledCluster(''), outliers);
    endpoints.refresh(candidates(['a', 'b'], ['c']), STARTING, HERE);
    for (const name of out) outliers.answered(uid(name), 500);
    return endpoints;
  }

  it.each<[string, string[], string[], Partial<OutlierPolicy>, string[]]>([
    ['of the best rank, while none is out', [], [], {}, ['a', 'b']],
    ['that is in, and what the rank cannot take goes to the next', ['a'], [], {}, ['b', 'c']],
    ['that is in, of a lower rank', ['a', 'b'], [], {}, ['c']],
    ['that is in rather than untried', ['a', 'b'], ['c'], {}, ['c']],
    ['none, when all are out', ['a', 'b', 'c'], [], {}, ['none']],
    ['any, when too few are in', ['a', 'b'], [], { minHealthPercent: 34 }, ['a', 'b']],
    ['that is in, when enough are', ['a', 'b'], [], { minHealthPercent: 33 }, ['c']],
  ])('is one %s', (_, out, tried, policy, expected) => {
    const endpoints = excluding(out, policy);
    expect(chosen(endpoints, tried)).toEqual(expected);
    expect(endpoints.allOut).toBe(out.length === 3);
  });

  it('in quarantine is used all the same', () => {
    expect(chosen(excluding([]), [], bench(choiceAt(), 'a'))).toEqual(['a', 'b']);
  });
});

describe('an endpoint', () => {
  it('is of the best rank', () => {
    expect(chosen(endpointsOf(['a', 'b'], ['c']))).toEqual(['a', 'b']);
  });

  it.each([
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
    [9, 'c'],
  ])('is of another rank when %i are passed over', (passedRanks, expected) => {
    const endpoints = endpointsOf(['a'], ['b'], ['c']);
    expect(endpoints.choose([], choiceAt(), passedRanks)?.uid).toBe(uid(expected));
    expect(endpoints.choose([uid(expected)], choiceAt(), passedRanks)?.uid).not.toBe(uid(expected));
    expect(endpoints.choose([], choiceAt())?.uid).toBe(uid('a'));
  });

  it('is none without candidates', () => {
    expect(chosen(endpointsOf())).toEqual(['none']);
    expect(chosen(cluster(''))).toEqual(['none']);
  });

  it('that failed this request is not chosen again while there is another', () => {
    expect(chosen(endpointsOf(['a', 'b', 'c']), ['a'])).toEqual(['b', 'c']);
    expect(chosen(endpointsOf(['a', 'b', 'c']), ['a', 'c'])).toEqual(['b']);
  });

  it('is not chosen again either when it is by far the heaviest and the least busy', () => {
    expect(chosen(endpointsOf(['a*1000', 'b']), ['a'])).toEqual(['b']);
    const endpoints = endpointsOf(['a', 'b']);
    for (const { slots } of endpoints.tiers) for (const slot of slots) if (slot.uid === uid('b')) slot.active = 50;
    expect(chosen(endpoints, ['a'])).toEqual(['b']);
  });

  it('comes from the next rank when all of the best were tried', () => {
    expect(chosen(endpointsOf(['a'], ['b', 'c']), ['a'])).toEqual(['b', 'c']);
  });

  it('is any when all were tried', () => {
    expect(chosen(endpointsOf(['a', 'b']), ['a', 'b'])).toEqual(['a', 'b']);
    expect(chosen(endpointsOf(['a']), ['a'])).toEqual(['a']);
  });

  it('in quarantine is passed over, its whole rank if need be, but never all', () => {
    expect(chosen(endpointsOf(['a', 'b']), [], bench(choiceAt(), 'a'))).toEqual(['b']);
    expect(chosen(endpointsOf(['a'], ['b']), [], bench(choiceAt(), 'a'))).toEqual(['b']);
    expect(chosen(endpointsOf(['a', 'b']), [], bench(choiceAt(), 'a', 'b'))).toEqual(['a', 'b']);
    expect(chosen(endpointsOf(['a', 'b']), ['b'], bench(choiceAt(), 'a'))).toEqual(['a']);
  });

  it('comes back after quarantine', () => {
    const { quarantine } = bench(choiceAt(), 'a');
    const later = { ...choiceAt(QUARANTINE_MILLISECONDS), quarantine };
    expect(chosen(endpointsOf(['a', 'b']), [], later)).toEqual(['a', 'b']);
  });
});

describe('with a preference for localities, an endpoint', () => {
  const near = { locality: { region: 'r1', zone: 'z1', subzone: '' } };
  const far = { locality: { region: 'r2', zone: 'z1', subzone: '' } };
  const list = [
    new EndpointTier(
      [
        workload('far', { ...far, addresses: ['10.0.0.2'] }),
        workload('near', { ...near, addresses: ['10.0.0.1'] }),
      ].map((one) => ({ workload: one, port: 80, identities: [] })),
    ),
  ];
  const preferring = (localityPreference: object): ClusterEndpoints => {
    const [first] = cartService().clusters ?? [];
    const fields: object = { subset: '', subsetWorkloadUids: [], localityPreference };
    const service = read(cartService({ clusters: [{ ...first, ...fields }] }));
    const compiled = compileService(service).clusters.get(V1);
    if (compiled === undefined) throw new Error('the cluster is missing');
    const endpoints = new ClusterEndpoints(compiled);
    endpoints.refresh(list, STARTING, HERE);
    return endpoints;
  };

  it('is of the best rank, and of the next when that was tried', () => {
    const endpoints = preferring({ failover: true });
    expect(chosen(endpoints)).toEqual(['near']);
    expect(chosen(endpoints, ['near'])).toEqual(['far']);
    expect(endpoints.choose([], choiceAt(), 1)?.endpoint.workload.name).toBe('far');
  });

  it('is of the rank that it has where the waypoint is now', () => {
    const endpoints = preferring({ failover: true });
    const scopes = { ...HERE.scopes, region: 'r2' };
    endpoints.refresh(list, STARTING, { ...HERE, scopes, scopesKey: JSON.stringify(Object.values(scopes)) });
    expect(chosen(endpoints)).toEqual(['far']);
  });

  it('is drawn by shares, and of another share when that was tried', () => {
    const distributions = [
      {
        from: 'r1',
        to: [
          { locality: 'r1', weight: 75 },
          { locality: 'r2', weight: 25 },
        ],
      },
    ];
    const endpoints = preferring({ distributions });
    const choice = choiceAt();
    const draws = Array.from({ length: 1_000 }, () => endpoints.choose([], choice)?.endpoint.workload.name);
    expect(draws.filter((name) => name === 'near').length).toBeGreaterThan(700);
    expect(draws.filter((name) => name === 'far').length).toBeGreaterThan(200);
    expect(chosen(endpoints, ['near'])).toEqual(['far']);
  });
});

describe('a subset', () => {
  it('has its workloads only, a rank without any is left out', () => {
    const endpoints = cluster('v1');
    endpoints.refresh(candidates(['v2-a'], ['v1-a', 'v2-b'], ['v1-b']), STARTING, HERE);
    expect(chosen(endpoints)).toEqual(['v1-a']);
    expect(chosen(endpoints, ['v1-a'])).toEqual(['v1-b']);
    expect(chosen(endpoints, ['v1-a', 'v1-b'])).toEqual(['v1-a']);
  });

  it('whose workloads are gone has no endpoint', () => {
    const endpoints = cluster('v1');
    endpoints.refresh(candidates(['v2-a']), STARTING, HERE);
    expect(chosen(endpoints)).toEqual(['none']);
  });
});

describe('refreshing', () => {
  it('keeps what is under way and takes the new facts of an endpoint', () => {
    const endpoints = endpointsOf(['a', 'b']);
    const before = endpoints.choose([uid('b')], choiceAt());
    if (before === undefined) throw new Error('no endpoint');
    before.active = 7;
    endpoints.refresh(candidates(['a*4', 'c']), STARTING, HERE);
    const after = endpoints.choose([uid('c')], choiceAt());
    expect(after).toBe(before);
    expect(after).toMatchObject({ active: 7, weight: 4, endpoint: { workload: { capacity: 4 } } });
    expect(chosen(endpoints)).not.toContain('b');
  });

  it('with the same list goes on with the round', () => {
    const endpoints = cluster('');
    const list = candidates(['a', 'b']);
    endpoints.refresh(list, STARTING, HERE);
    const { tiers } = endpoints;
    endpoints.refresh(list, STARTING, HERE);
    expect(endpoints.tiers).toBe(tiers);
  });

  it('of a new version of the cluster keeps what is under way', () => {
    const old = endpointsOf(['a']);
    const before = old.choose([], choiceAt());
    const next = cluster('', old);
    next.refresh(candidates(['a']), STARTING, HERE);
    expect(next.choose([], choiceAt())).toBe(before);
  });
});

describe('with a time to warm up, an endpoint', () => {
  const first = (cartService().clusters ?? [])[0];

  function warming(warmup: MessageInitShape<typeof WarmupSchema>, loadBalancer: LoadBalancer) {
    const service = read(
      cartService({
        clusters: [
          { ...first, subset: '', subsetWorkloadUids: [], warmup: create(WarmupSchema, warmup), loadBalancer },
        ],
      }),
    );
    const compiled = compileService(service).clusters.get(V1);
    if (compiled === undefined) throw new Error('the cluster is missing');
    return new ClusterEndpoints(compiled);
  }

  let time = 0;
  const clock = { random: seededRandom(1), now: (): number => time };

  beforeEach(() => {
    time = 0;
  });

  /** The share of each, of 4,000 draws. */
  function shares(endpoints: ClusterEndpoints): Record<string, number> {
    const choice = choiceAt(time);
    const counts: Record<string, number> = {};
    for (let draw = 0; draw < 4_000; draw++) {
      const name = endpoints.choose([], choice)?.endpoint.workload.name ?? 'none';
      counts[name] = (counts[name] ?? 0) + 1 / 4_000;
    }
    return counts;
  }

  const POLICY = { durationMs: 10_000n, minimumPercent: 10, aggression: 1 };

  it.each([
    // Weights of the new one beside three that are warm.
    ['is small at first', LoadBalancer.LEAST_REQUEST, 0, 1, 0.1],
    ['grows with its age', LoadBalancer.LEAST_REQUEST, 5_000, 1, 0.5],
    ['grows with its age in turns', LoadBalancer.ROUND_ROBIN, 5_000, 1, 0.5],
    ['grows faster at first', LoadBalancer.ROUND_ROBIN, 2_500, 2, 0.5],
    ['is like others in the end', LoadBalancer.LEAST_REQUEST, 10_000, 1, 1],
  ])('that comes later gets a share that %s', (_, loadBalancer, age, aggression, weight) => {
    const endpoints = warming({ ...POLICY, aggression }, loadBalancer);
    endpoints.refresh(candidates(['a', 'b', 'c']), clock, HERE);
    time = 1_000;
    endpoints.refresh(candidates(['a', 'b', 'c', 'new']), clock, HERE);
    time += age;
    const share = shares(endpoints)['new'] ?? 0;
    expect(Math.abs(share - weight / (3 + weight))).toBeLessThan(0.03);
  });

  it('that is there at first gets its share at once, also in a new version of the cluster', () => {
    const endpoints = warming(POLICY, LoadBalancer.LEAST_REQUEST);
    endpoints.refresh(candidates(['a', 'b']), clock, HERE);
    const next = new ClusterEndpoints(compiledCluster(''), undefined, endpoints);
    next.refresh(candidates(['a', 'b']), clock, HERE);
    for (const one of [endpoints, next]) {
      expect(Math.abs((shares(one)['a'] ?? 0) - 0.5)).toBeLessThan(0.03);
    }
  });

  it('is used while nobody is warm', () => {
    const endpoints = warming({ ...POLICY, minimumPercent: 0 }, LoadBalancer.ROUND_ROBIN);
    endpoints.refresh(candidates(['old']), clock, HERE);
    endpoints.refresh(candidates(['a', 'b']), clock, HERE);
    expect(Math.abs((shares(endpoints)['a'] ?? 0) - 0.5)).toBeLessThan(0.03);
  });
});
