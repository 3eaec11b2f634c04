import type { Mirror as Message } from '@ambit/proto/waypoint';
import { MILLION } from '../filters/share.ts';
import { MAX_MIRRORS } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { Mirror } from './served-service.ts';

/** Every cluster must be among `clusters`, or empty for a backend that is not there. */
export function readMirrors(
  messages: readonly Message[],
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): Mirror[] {
  if (messages.length > MAX_MIRRORS) problems.add(field, `are ${messages.length}, more than ${MAX_MIRRORS}`);
  return messages.map(({ cluster, perMillion }, index) => {
    if (cluster.length > 0 && !clusters.has(cluster)) {
      problems.add(`${field}[${index}].cluster`, `${cluster} is not among the clusters of the resource`);
    }
    if (perMillion > MILLION) {
      problems.add(`${field}[${index}].per_million`, `${perMillion} is more than a million of a million`);
    }
    return { cluster, perMillion };
  });
}
