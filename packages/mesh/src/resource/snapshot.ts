import type { MeshStore } from '../mesh-store.ts';
import type { StoredResource } from '../store/stored-resource.ts';
import { type BatchEntry, type EntryKind, type ResourceBatch, writeBatch } from './batch.ts';
import type { ResourceType } from './encode.ts';

/**
 * The whole state of a store as one batch: for a thread that starts, or to be kept for the next process.
 * Order is kept, so that of two claims to one address the same one wins.
 */
export function encodeSnapshot(store: MeshStore, generation: number): ResourceBatch {
  const entries: BatchEntry[] = [];
  for (const policy of store.policies.all()) entries.push(entryOf('authorization', policy));
  for (const service of store.services.all()) entries.push(entryOf('service', service));
  for (const workload of store.workloads.all()) entries.push(entryOf('workload', workload));
  return writeBatch(generation, true, entries);
}

/** Names and versions of what is held, for the first request after a reconnect; what has no version is left out. */
export function resourceVersions(store: MeshStore, type: ResourceType): Map<string, string> {
  const versions = new Map<string, string>();
  const note = (name: string, resource: StoredResource<unknown, unknown>) => {
    const version = resource.version();
    if (version.length > 0) versions.set(name, version);
  };
  if (type === 'authorization') {
    for (const policy of store.policies.all()) note(policy.keys.key, policy);
    return versions;
  }
  for (const workload of store.workloads.all()) note(workload.keys.uid, workload);
  for (const service of store.services.all()) note(service.keys.key, service);
  return versions;
}

function entryOf(kind: EntryKind, resource: StoredResource<unknown, unknown>): BatchEntry {
  return {
    kind,
    fallback: resource.fallback,
    version: resource.version(),
    keys: resource.keysText(),
    record: resource.record(),
  };
}
