import { create } from '@bufbuild/protobuf';
import { LocalityPreferenceSchema } from '@ambit/proto/waypoint';
import { describe, expect, it } from 'vitest';
import { Problems } from './problems.ts';
import { readLocalityPreference } from './read-locality-preference.ts';

describe('a locality preference is refused when', () => {
  it.each<[string, object, string]>([
    [
      'endpoints get shares and are ranked at once',
      { failover: true, distributions: [{ from: '*', to: [{ locality: '*', weight: 1 }] }] },
      'locality_preference: distributes and fails over at once',
    ],
    [
      'they get no shares',
      { distributions: [{ from: '*', to: [{ locality: '*', weight: 0 }] }] },
      'locality_preference.distributions[0].to: the sum of its weights is 0',
    ],
    [
      'they are not ranked, but for some reason',
      { regions: [{ from: 'a', to: 'b' }] },
      'locality_preference: has criteria or regions without failover',
    ],
    [
      'they are ranked by more than is allowed',
      { failover: true, criteria: Array.from({ length: 257 }, () => ({ scope: 1 })) },
      'locality_preference.criteria: more than 256',
    ],
    [
      'they are ranked by a scope that nobody knows',
      { failover: true, criteria: [{ scope: 7 }] },
      'locality_preference.criteria[0].scope: value 7 is not known; is the controller newer than this waypoint?',
    ],
    [
      'they are ranked by a value of nothing',
      { failover: true, criteria: [{ value: 'a' }] },
      'locality_preference.criteria[0].value: is set without a scope, so it would not be looked at',
    ],
    [
      'they are ranked by a scope and by a list',
      { failover: true, criteria: [{ scope: 1, workloadUids: ['a'] }] },
      'locality_preference.criteria[0].workload_uids: is set with a scope, so it would not be looked at',
    ],
  ])('%s', (_, init, problem) => {
    const problems = new Problems();
    readLocalityPreference(create(LocalityPreferenceSchema, { ...init }), 'locality_preference', problems);
    expect(problems.list).toEqual([problem]);
  });
});
