import type { Scopes } from '@ambit/mesh/client';
import type { Endpoint } from '@ambit/mesh/endpoint/endpoint';
import type { EndpointTier } from '@ambit/mesh/endpoint/endpoint-table';
import type { Workload } from '@ambit/mesh/workload';
import type { FailoverCriterion, LocalityPreference, RegionFailover } from '../model/served-service.ts';

/** Endpoints in the order in which they take over from each other, or by the shares that they get. */
export interface RankedEndpoints {
  readonly ranks: readonly (readonly Endpoint[])[];
  /** Of each rank; undefined: the first one gets all that it can take. */
  readonly shares: readonly number[] | undefined;
}

type Criterion = (from: Scopes, workload: Workload) => boolean;

const LOCALITY: readonly FailoverCriterion[] = (['region', 'zone', 'subzone'] as const).map((scope) => ({
  scope,
  value: null,
}));

/**
 * A `localityLbSetting` of Istio made ready: `distribute`, or `failover` with `failoverPriority`. Endpoints without an address come
 * after all others.
 */
export class LocalityRanks {
  readonly #preference: LocalityPreference;
  readonly #criteria: readonly Criterion[];
  readonly #byRegion: boolean;

  constructor(preference: LocalityPreference) {
    this.#preference = preference;
    const { criteria, regions } = preference.kind === 'failover' ? preference : { criteria: [], regions: [] };
    this.#criteria = criteria.map((criterion) => criterionOf(criterion));
    this.#byRegion = criteria.length === 0 || regions.length > 0;
  }

  /** `from`: where the waypoint is. */
  rank(candidates: readonly EndpointTier[], from: Scopes): RankedEndpoints {
    const all = candidates.flatMap(({ endpoints }) => endpoints);
    const reachable = all.filter(({ workload }) => workload.addresses.length > 0);
    const unreachable = reachable.length === all.length ? [] : [all.filter((one) => !reachable.includes(one))];
    const preference = this.#preference;
    switch (preference.kind) {
      case 'any':
        return { ranks: [reachable, ...unreachable], shares: undefined };
      case 'failover':
        return { ranks: [...this.#byRank(reachable, from, preference.regions), ...unreachable], shares: undefined };
      case 'distribute': {
        const own = preference.distributions.find((distribution) => isIn(from, distribution.from));
        if (own === undefined) return { ranks: [reachable, ...unreachable], shares: undefined };
        return {
          ranks: own.to.map(({ locality }) => reachable.filter(({ workload }) => isIn(workload.locality, locality))),
          shares: own.to.map(({ weight }) => weight),
        };
      }
    }
  }

  #byRank(endpoints: readonly Endpoint[], from: Scopes, regions: readonly RegionFailover[]): Endpoint[][] {
    const standIn = regions.find((region) => region.from === from.region)?.to;
    const ranked = new Map<number, Endpoint[]>();
    for (const endpoint of endpoints) {
      const { workload } = endpoint;
      const away = this.#byRegion ? distance(from, workload, standIn) : 0;
      const rank = missed(this.#criteria, from, workload) * DISTANCES + away;
      const known = ranked.get(rank);
      if (known === undefined) ranked.set(rank, [endpoint]);
      else known.push(endpoint);
    }
    return [...ranked].sort(([a], [b]) => a - b).map(([, members]) => members);
  }
}

/** How many distances there are, for they come after criteria. */
const DISTANCES = 5;

/** 0: the same subzone, 1: zone, 2: region, 3: another one (with a stand-in: that), 4: neither. */
function distance(from: Scopes, workload: Workload, standIn: string | undefined): number {
  const away = missed(LOCALITY_CRITERIA, from, workload);
  return away === 3 && standIn !== undefined && workload.locality.region !== standIn ? 4 : away;
}

/** 0: all are met; else how many there are from the first on that is not. */
function missed(criteria: readonly Criterion[], from: Scopes, workload: Workload): number {
  const first = criteria.findIndex((criterion) => !criterion(from, workload));
  return first < 0 ? 0 : criteria.length - first;
}

function criterionOf(criterion: FailoverCriterion): Criterion {
  if (criterion.scope === null) {
    const uids = new Set(criterion.workloadUids);
    return (_, { uid, partOf = uid }) => uids.has(partOf);
  }
  const { scope, value } = criterion;
  return (from, workload) => (value ?? from[scope]) === scopeOf(workload, scope);
}

const LOCALITY_CRITERIA = LOCALITY.map((criterion) => criterionOf(criterion));

function scopeOf({ locality, node, clusterId, network }: Workload, scope: keyof Scopes): string {
  switch (scope) {
    case 'node':
      return node;
    case 'cluster':
      return clusterId;
    case 'network':
      return network;
    case 'region':
    case 'subzone':
    case 'zone':
      return locality[scope];
  }
}

/** Whether a place is what `pattern` (region/zone/subzone) says. */
function isIn(place: Readonly<Record<'region' | 'subzone' | 'zone', string>>, pattern: string): boolean {
  const [region = '', zone = '', subzone = ''] = pattern.split('/');
  return (
    (region === '*' || region === place.region) &&
    (zone === '*' || zone === '' || zone === place.zone) &&
    (subzone === '*' || subzone === '' || subzone === place.subzone)
  );
}
