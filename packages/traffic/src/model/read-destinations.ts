import type { WeightedDestination as Message } from '@ambit/proto/waypoint';
import { MAX_WEIGHT_SUM } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { WeightedDestination } from './served-service.ts';

/** Weighted destinations; every cluster must be among `clusters`, or empty for a backend that is not there. */
export function readDestinations(
  messages: readonly Message[],
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): WeightedDestination[] {
  let sum = 0;
  const destinations = messages.map(({ cluster, weight }, index) => {
    sum += weight;
    if (cluster.length > 0 && !clusters.has(cluster)) {
      problems.add(`${field}[${index}].cluster`, `${cluster} is not among the clusters of the resource`);
    }
    return { cluster, weight };
  });
  if (sum > MAX_WEIGHT_SUM) problems.add(field, `the weights add up to ${sum}, more than ${MAX_WEIGHT_SUM}`);
  return destinations;
}
