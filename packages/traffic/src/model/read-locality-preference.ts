import type { LocalityPreference as Message } from '@ambit/proto/waypoint';
import { MAX_LOCALITY_ENTRIES, MAX_WEIGHT_SUM } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { FailoverCriterion, LocalityPreference, LocalityScope } from './served-service.ts';

const WORKLOADS = 'workloads';
const SCOPES: readonly (LocalityScope | typeof WORKLOADS)[] = [
  ...([WORKLOADS, 'region', 'zone', 'subzone', 'node', 'cluster', 'network'] as const),
];

export function readLocalityPreference(
  message: Message | undefined,
  field: string,
  problems: Problems,
): LocalityPreference | null {
  if (message === undefined) return null;
  const { distributions, failover, criteria, regions } = message;
  for (const [name, list] of Object.entries({ distributions, criteria, regions })) {
    if (list.length > MAX_LOCALITY_ENTRIES) problems.add(`${field}.${name}`, `more than ${MAX_LOCALITY_ENTRIES}`);
  }
  if (distributions.length > 0 && (failover || criteria.length + regions.length > 0)) {
    problems.add(field, 'distributes and fails over at once');
  }
  if (distributions.length > 0) return readDistributions(message, field, problems);
  if (!failover) {
    if (criteria.length + regions.length > 0) problems.add(field, 'has criteria or regions without failover');
    return { kind: 'any' };
  }
  return {
    kind: 'failover',
    criteria: criteria.map((criterion, index) => readCriterion(criterion, `${field}.criteria[${index}]`, problems)),
    regions: regions.map(({ from, to }) => ({ from, to })),
  };
}

function readDistributions({ distributions }: Message, field: string, problems: Problems): LocalityPreference {
  return {
    kind: 'distribute',
    distributions: distributions.map(({ from, to }, index) => {
      const place = `${field}.distributions[${index}].to`;
      const sum = to.reduce((total, { weight }) => total + weight, 0);
      if (sum === 0 || sum > MAX_WEIGHT_SUM) problems.add(place, `the sum of its weights is ${sum}`);
      if (to.length > MAX_LOCALITY_ENTRIES) problems.add(place, `more than ${MAX_LOCALITY_ENTRIES}`);
      return { from, to: to.map(({ locality, weight }) => ({ locality, weight })) };
    }),
  };
}

function readCriterion(
  { scope, value, workloadUids }: Message['criteria'][number],
  field: string,
  problems: Problems,
): FailoverCriterion {
  const name = problems.enumName(SCOPES, scope, `${field}.scope`) ?? WORKLOADS;
  if (name === WORKLOADS) {
    if (value !== undefined) problems.add(`${field}.value`, 'is set without a scope, so it would not be looked at');
    return { scope: null, workloadUids: [...workloadUids] };
  }
  if (workloadUids.length > 0) {
    problems.add(`${field}.workload_uids`, 'is set with a scope, so it would not be looked at');
  }
  return { scope: name, value: value ?? null };
}
