import type { Scopes } from '@ambit/mesh/client';
import { EndpointTier } from '@ambit/mesh/endpoint/endpoint-table';
import { workload } from '@ambit/mesh/test-model';
import { describe, expect, it } from 'vitest';
import type { FailoverCriterion, LocalityPreference } from '../model/served-service.ts';
import { LocalityRanks } from './locality-ranks.ts';

const FROM: Scopes = { region: 'eu', zone: 'a', subzone: 's', node: 'n1', cluster: 'c', network: '' };

/** As the mesh model ranks them; names are `region/zone/subzone`, `!` before one that has no address, `@node` behind. */
function candidates(...ranks: string[][]): EndpointTier[] {
  return ranks.map(
    (names) => new EndpointTier(names.map((name) => ({ workload: pod(name), port: 80, identities: [] }))),
  );
}

function pod(name: string) {
  const [place = '', node = 'n2'] = name.replace('!', '').split('@');
  const [region = '', zone = '', subzone = ''] = place.split('/');
  return workload(name, {
    addresses: name.startsWith('!') ? [] : ['10.0.0.1'],
    hostname: 'x.example',
    locality: { region, zone, subzone },
    node,
    clusterId: 'c',
  });
}

const ALL = ['us/x/s', 'eu/b/s', 'eu/a/t', 'eu/a/s', 'ap/x/s'];

function ranked(preference: LocalityPreference, names: readonly string[] = ALL) {
  const { ranks, shares } = new LocalityRanks(preference).rank(candidates([...names]), FROM);
  return { ranks: ranks.map((rank) => rank.map(({ workload: { name } }) => name)), shares };
}

const failover = (criteria: FailoverCriterion[] = [], regions: [string, string][] = []): LocalityPreference => ({
  kind: 'failover',
  criteria,
  regions: regions.map(([from, to]) => ({ from, to })),
});

describe('endpoints are ranked', () => {
  const node: FailoverCriterion = { scope: 'node', value: null };
  it.each<[string, LocalityPreference, string[][], string[]?]>([
    ['by subzone, zone and region', failover(), [['eu/a/s'], ['eu/a/t'], ['eu/b/s'], ['us/x/s', 'ap/x/s']]],
    [
      'with the region that stands in first',
      failover(
        [],
        [
          ['us', 'eu'],
          ['eu', 'ap'],
          ['eu', 'us'],
        ],
      ),
      [['eu/a/s'], ['eu/a/t'], ['eu/b/s'], ['ap/x/s'], ['us/x/s']],
    ],
    ['not at all when that is switched off', { kind: 'any' }, [ALL]],
    [
      'by what they have in common from the first criterion on',
      failover([{ scope: 'region', value: null }, { scope: 'subzone', value: null }, node]),
      [['eu/a/s@n1'], ['eu/b/s'], ['eu/a/t@n1'], ['us/x/s@n1']],
      ['us/x/s@n1', 'eu/a/t@n1', 'eu/b/s', 'eu/a/s@n1'],
    ],
    [
      'by a value that is not the own',
      failover([{ scope: 'zone', value: 'x' }]),
      [
        ['us/x/s', 'ap/x/s'],
        ['eu/b/s', 'eu/a/t', 'eu/a/s'],
      ],
    ],
    [
      'by labels that the controller has looked at',
      failover([{ scope: null, workloadUids: ['cluster//Pod/shop/eu/b/s'] }]),
      [['eu/b/s'], ['us/x/s', 'eu/a/t', 'eu/a/s', 'ap/x/s']],
    ],
    [
      'by criteria, and those alike by region',
      failover([node], [['eu', 'us']]),
      [['ap/x/s@n1'], ['eu/a/s'], ['us/x/s'], ['ap/x/s']],
      ['ap/x/s', 'us/x/s', 'eu/a/s', 'ap/x/s@n1'],
    ],
    [
      'behind all others without an address',
      failover(),
      [['eu/a/s'], ['us/x/s'], ['!eu/a/s']],
      ['!eu/a/s', 'us/x/s', 'eu/a/s'],
    ],
  ])('%s', (_, preference, ranks, names) => {
    expect(ranked(preference, names)).toEqual({ ranks, shares: undefined });
  });

  it('anew, however the mesh model has ranked them', () => {
    const { ranks } = new LocalityRanks(failover()).rank(candidates(['us/x/s'], ['eu/a/s']), FROM);
    expect(ranks.map(([first]) => first?.workload.name)).toEqual(['eu/a/s', 'us/x/s']);
  });
});

describe('endpoints get shares', () => {
  const to = (...shares: [string, number][]) => shares.map(([locality, weight]) => ({ locality, weight }));
  it.each<[string, string, ReturnType<typeof to>, string[][]]>([
    ['by place', 'eu/a/s', to(['eu/a/s', 70], ['eu/b', 30]), [['eu/a/s'], ['eu/b/s']]],
    ['by places with *', 'eu/*', to(['eu/a/*', 70], ['us/*', 30]), [['eu/a/t', 'eu/a/s'], ['us/x/s']]],
    ['wherever they are', '*', to(['*', 100]), [ALL]],
    ['where there are any', 'eu', to(['xx', 50], ['ap', 50]), [[], ['ap/x/s']]],
  ])('%s', (_, from, shares, ranks) => {
    const others = { from: 'us', to: to(['ap', 100]) };
    const preference: LocalityPreference = { kind: 'distribute', distributions: [others, { from, to: shares }] };
    expect(ranked(preference)).toEqual({ ranks, shares: shares.map(({ weight }) => weight) });
  });

  it('only where the waypoint is meant', () => {
    const distributions = [{ from: 'eu/b', to: to(['us', 100]) }];
    expect(ranked({ kind: 'distribute', distributions })).toEqual({ ranks: [ALL], shares: undefined });
  });
});
