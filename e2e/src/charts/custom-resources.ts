import { expect } from 'vitest';
import type { Cluster } from '../cluster/cluster.ts';
import { eventually } from '../test-cluster.ts';

/** An API server that has much to do takes its time for the objects of a definition that goes. */
const PATIENCE_MS = 180_000;

export interface Definition {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** The cluster's CustomResourceDefinitions by name. */
export async function definitionsOf(cluster: Cluster): Promise<ReadonlyMap<string, Definition>> {
  const { items } = JSON.parse(await cluster.kubectl(['get', 'crd', '-o', 'json'])) as { items: Definition[] };
  return new Map(items.map((item) => [item.metadata.name, item]));
}

/** Waits until no definition is on its way out: what is applied to one of those goes with it. */
export async function withoutLeaving(cluster: Cluster): Promise<void> {
  await eventually(async () => {
    const all = [...(await definitionsOf(cluster)).values()];
    expect(all.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
  }, PATIENCE_MS);
}

/** Deletes definitions, and waits until they are gone. */
export async function removeDefinitions(cluster: Cluster, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await cluster.kubectl(['delete', 'crd', '--ignore-not-found', '--wait=false', ...names]);
  await withoutLeaving(cluster);
}
