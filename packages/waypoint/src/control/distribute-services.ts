import type { ServedService } from '@ambit/traffic/model/served-service';
import type { KeySets } from './key-sets.ts';
import type { ClusterChange, SharedClusters } from './shared-clusters.ts';
import type { RateLimitChange, SharedRateLimits } from './shared-rate-limits.ts';

/** Services that changed, and the memory that the data threads share for them. */
export interface ServicesChange extends ClusterChange, RateLimitChange {
  readonly changed: readonly ServedService[];
  readonly removed: readonly string[];
}

export interface DistributionParts {
  readonly clusters: Pick<SharedClusters, 'change'>;
  readonly rateLimits: Pick<SharedRateLimits, 'change'>;
  readonly keySets: Pick<KeySets, 'follow' | 'keepOnly'>;
  /** All services. */
  readonly models: () => readonly ServedService[];
  /** Tells every data thread; resolves when they have followed. */
  readonly tell: (change: ServicesChange) => Promise<void>;
}

/** Puts services into force on every data thread, behind the keys by which tokens of their requests are checked. */
export async function distributeServices(
  { clusters, rateLimits, keySets, models, tell }: DistributionParts,
  changed: readonly ServedService[],
  removed: readonly string[],
): Promise<void> {
  // Before keys are waited for: a data thread that starts meanwhile is told of these services, and takes none without its memory.
  const memory = { ...clusters.change(changed, removed), ...rateLimits.change(changed, removed) };
  await keySets.follow(changed);
  await tell({ changed, removed, ...memory });
  keySets.keepOnly(models());
}
