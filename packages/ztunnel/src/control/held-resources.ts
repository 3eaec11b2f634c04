import {
  type BatchEntry,
  BatchReader,
  type EntryKind,
  entryLayout,
  type ResourceBatch,
  writeBatch,
} from '@ambit/mesh/resource/batch';

/** Policies stand before what names them. */
const ORDER: readonly EntryKind[] = ['authorization', 'service', 'workload'];

/** The resources in force, as entries: what a new data thread or a new process is given, in one batch. */
export class HeldResources {
  readonly #entries = new Map<string, BatchEntry>();
  #full: ResourceBatch | undefined;

  /** Takes the changes of a batch in the way the data threads do. Throws `AMBIT_RESOURCE_BATCH` on a damaged one. */
  absorb(batch: ResourceBatch): void {
    this.#full = undefined;
    if (batch.reset) this.#entries.clear();
    const reader = new BatchReader(batch);
    while (reader.next()) {
      const key = entryKey(reader.kind, reader.keys());
      if (reader.kind === 'remove-address' || reader.kind === 'remove-authorization') {
        for (const kind of reader.kind === 'remove-address' ? ['workload', 'service'] : ['authorization'])
          this.#entries.delete(`${kind} ${key}`);
        continue;
      }
      const name = `${reader.kind} ${key}`;
      // A stand-in for a refused version never replaces a good copy.
      if (reader.fallback && this.#entries.get(name)?.fallback === false) continue;
      const layout = entryLayout(reader.bytes, reader.head);
      this.#entries.set(name, {
        kind: reader.kind,
        fallback: reader.fallback,
        version: reader.bytes.toString('utf8', layout.version, layout.keys),
        keys: reader.keys(),
        record: reader.bytes.toString('utf8', layout.record, layout.end),
      });
    }
  }

  /** Everything as one batch that replaces whatever was there. The same object until something changes. */
  full(generation: number): ResourceBatch {
    if (this.#full?.generation !== generation) {
      const entries = [...this.#entries.values()].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
      this.#full = writeBatch(generation, true, entries);
    }
    return this.#full;
  }

  /** Names and versions as the controller knows them, for `initial_resource_versions`. Stand-ins are left out: they are asked for again. */
  versions(type: 'address' | 'authorization'): Map<string, string> {
    const versions = new Map<string, string>();
    for (const entry of this.#entries.values()) {
      if (
        (entry.kind === 'authorization') !== (type === 'authorization') ||
        entry.fallback ||
        entry.version.length === 0
      )
        continue;
      versions.set(entryKey(entry.kind, entry.keys), entry.version);
    }
    return versions;
  }

  /** The decoded records of one kind, for the admin listener. */
  records(kind: 'authorization' | 'service' | 'workload'): unknown[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.kind === kind)
      .map((entry): unknown => JSON.parse(entry.record));
  }

  get size(): number {
    return this.#entries.size;
  }
}

function entryKey(kind: EntryKind, keys: string): string {
  if (kind === 'remove-address' || kind === 'remove-authorization') return keys;
  const parsed = JSON.parse(keys) as { uid?: string; key?: string };
  return parsed.uid ?? parsed.key ?? '';
}
