import type { LocalRateLimit } from '@ambit/traffic/model/local-rate-limit';
import { expect, it } from 'vitest';
import { ClusterStates } from '../data/cluster-states.ts';
import { RateLimitStates } from '../data/rate-limit-states.ts';
import { serviceModel } from '../test-models.ts';
import { distributeServices } from './distribute-services.ts';
import { SharedClusters } from './shared-clusters.ts';
import { SharedRateLimits } from './shared-rate-limits.ts';

const LIMIT: LocalRateLimit = {
  ...{ namespace: 'shop', name: 'limit', target: 'Service shop/cart', dryRun: false, headers: 'standard' },
  rules: [{ name: 'all', matches: [], key: [], requests: 1, intervalMs: 1_000, burst: 1, maxKeys: 0 }],
};

it('a data thread that starts while keys of a new service are read takes that service', async () => {
  const clusters = new SharedClusters(1);
  const rateLimits = new SharedRateLimits(() => 0);
  const model = serviceModel({ rateLimits: [LIMIT] });
  const happened: string[] = [];
  const parts = {
    ...{ clusters, rateLimits, models: () => [model] },
    keySets: {
      follow: (): Promise<void> => {
        const owner = { after: () => ({ cancel: () => undefined }), askOthers: () => undefined };
        const states = new ClusterStates(0, () => 0, owner);
        states.install(clusters.memory());
        for (const cluster of model.clusters) states.of(cluster);
        const limits = new RateLimitStates(0, () => 0);
        limits.install(rateLimits.buckets());
        if (limits.of(model) !== undefined) happened.push('thread started');
        return Promise.resolve();
      },
      keepOnly: () => happened.push('keys forgotten'),
    },
    tell: (): Promise<void> => {
      happened.push('threads told');
      return Promise.resolve();
    },
  };
  await distributeServices(parts, [model], []);
  expect(happened).toEqual(['thread started', 'threads told', 'keys forgotten']);
});
