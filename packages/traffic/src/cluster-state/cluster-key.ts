import type { Cluster } from '../model/served-service.ts';

/** What the same cluster of several services has in common, and no other one has. */
export function clusterKey({ namespace, name }: Pick<Cluster, 'name' | 'namespace'>): string {
  return `${namespace} ${name}`;
}
