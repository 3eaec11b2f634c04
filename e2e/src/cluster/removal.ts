import { existsSync, rmSync } from 'node:fs';
import type { Clock } from '@ambit/core/clock';
import { clusterCgroupsExist, removeClusterCgroups } from './cgroups.ts';
import { destroyNamespaces, findNamespaces } from './namespaces.ts';
import type { Place } from './place.ts';

/** True when anything of a cluster is there: running, starting, or left by one that was cut short. */
export function hasRemains(place: Place): boolean {
  return existsSync(place.state) || findNamespaces(place) !== undefined || clusterCgroupsExist(place.cgroup);
}

/**
 * Ends whatever runs of a cluster and removes everything it left: processes, and with them namespaces, mounts, interfaces
 * and rules; control groups; files. Does nothing when there is nothing.
 */
export async function removeCluster(place: Place, clock: Clock): Promise<void> {
  await destroyNamespaces(place, clock);
  await removeClusterCgroups(place.cgroup, clock);
  rmSync(place.state, { recursive: true, force: true, maxRetries: 3 });
}
