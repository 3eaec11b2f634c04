import type { LocalRateLimit } from '@ambit/traffic/model/local-rate-limit';
import type { ServedService } from '@ambit/traffic/model/served-service';
import { bucketsKey } from '@ambit/traffic/rate-limit/rate-limits';
import { describe, expect, it } from 'vitest';
import { serviceModel } from '../test-models.ts';
import { SharedRateLimits } from './shared-rate-limits.ts';

function limitOf(target: string, requests = 1): LocalRateLimit {
  return {
    ...{ namespace: 'shop', name: 'limit', target, dryRun: false, headers: 'standard' },
    rules: [{ name: 'all', matches: [], key: [], requests, intervalMs: 1_000, burst: 1, maxKeys: 0 }],
  };
}

function service(resourceName: string, ...rateLimits: readonly LocalRateLimit[]): ServedService {
  return { ...serviceModel({ rateLimits }), resourceName };
}

describe('the buckets of a rule', () => {
  it('are the same for all that a Gateway serves, and others for each Service that a policy names', () => {
    const shared = new SharedRateLimits(() => 0);
    const gateway = limitOf('Gateway shop/door');
    const { buckets } = shared.change(
      [service('a', gateway, limitOf('Service shop/a')), service('b', gateway, limitOf('Service shop/b'))],
      [],
    );
    expect([...buckets.keys()].map((key) => key.split(' ').slice(0, 2).join(' '))).toEqual([
      'Gateway shop/door',
      'Service shop/a',
      'Service shop/b',
    ]);
    expect(new Set(buckets.values()).size).toBe(3);
    expect(shared.buckets()).toEqual(buckets);
  });

  it('stay while a service has the rule as it is, and are forgotten with the last', () => {
    const shared = new SharedRateLimits(() => 0);
    const limit = limitOf('Gateway shop/door');
    const [rule] = limit.rules;
    const key = rule === undefined ? '' : bucketsKey(limit, rule);
    const memory = shared.change([service('a', limit), service('b', limit)], []).buckets.get(key);
    expect(memory).toBeDefined();
    expect(shared.change([service('a', { ...limit, dryRun: true })], []).buckets.get(key)).toBe(memory);
    expect(shared.change([service('a')], ['c']).forgottenBuckets).toEqual([]);
    expect(shared.change([service('b', limitOf('Gateway shop/door', 2))], []).forgottenBuckets).toEqual([key]);
    expect(shared.change([service('a', limit)], []).buckets.get(key)).not.toBe(memory);
    expect(shared.change([], ['a', 'b']).forgottenBuckets).toHaveLength(2);
    expect(shared.describe()).toEqual([]);
  });
});
