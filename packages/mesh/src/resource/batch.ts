import { AmbitError } from '@ambit/core/errors';

// One batch is one shared buffer: a header, then entries, each a head of five numbers and three texts.
// Threads walk it without copying; nothing of it is cloned per thread.

const MAGIC = 0x414d4231;
const HEADER_BYTES = 16;
const ENTRY_HEAD_BYTES = 16;
const RESET_FLAG = 1;
const FALLBACK_FLAG = 0x100;
const KINDS = ['workload', 'service', 'authorization', 'remove-address', 'remove-authorization'] as const;

export type EntryKind = (typeof KINDS)[number];

/** A set of resource changes that every data thread applies; crosses threads by structured clone without a copy. */
export interface ResourceBatch {
  /** Rises by one per batch; a thread reports it when the batch is applied. */
  readonly generation: number;
  /** True when the batch is the whole state: what it does not name goes. */
  readonly reset: boolean;
  readonly bytes: SharedArrayBuffer;
}

/** One entry as text, before it is written. */
export interface BatchEntry {
  readonly kind: EntryKind;
  /** Taken only when there is no better copy: the controller's version was refused and this stands in for it. */
  readonly fallback: boolean;
  /** The version by which the controller knows it; empty when unknown. */
  readonly version: string;
  /** JSON of the keys; of a removal the bare name. */
  readonly keys: string;
  /** JSON of the model; empty for removals. */
  readonly record: string;
}

/** Writes entries into one shared buffer. */
export function writeBatch(generation: number, reset: boolean, entries: readonly BatchEntry[]): ResourceBatch {
  let size = HEADER_BYTES;
  for (const entry of entries) {
    size += ENTRY_HEAD_BYTES;
    size += Buffer.byteLength(entry.version) + Buffer.byteLength(entry.keys) + Buffer.byteLength(entry.record);
  }
  const bytes = new SharedArrayBuffer(size);
  const out = Buffer.from(bytes);
  out.writeUInt32LE(MAGIC, 0);
  out.writeUInt32LE(reset ? RESET_FLAG : 0, 4);
  out.writeUInt32LE(generation, 8);
  out.writeUInt32LE(entries.length, 12);
  let at = HEADER_BYTES;
  for (const entry of entries) {
    const texts = at + ENTRY_HEAD_BYTES;
    const version = out.write(entry.version, texts);
    const keys = out.write(entry.keys, texts + version);
    const record = out.write(entry.record, texts + version + keys);
    out.writeUInt32LE(KINDS.indexOf(entry.kind) | (entry.fallback ? FALLBACK_FLAG : 0), at);
    out.writeUInt32LE(version, at + 4);
    out.writeUInt32LE(keys, at + 8);
    out.writeUInt32LE(record, at + 12);
    at = texts + version + keys + record;
  }
  return { generation, reset, bytes };
}

/**
 * The batch that lies in `bytes`, for state that was kept outside of the process.
 * Throws `AMBIT_RESOURCE_BATCH` when the bytes are none of this version.
 */
export function openBatch(bytes: SharedArrayBuffer): ResourceBatch {
  const view = Buffer.from(bytes);
  if (view.length < HEADER_BYTES || view.readUInt32LE(0) !== MAGIC) {
    throw new AmbitError('AMBIT_RESOURCE_BATCH', 'the saved resources were not written by this version');
  }
  const batch = { generation: view.readUInt32LE(8), reset: view.readUInt32LE(4) === RESET_FLAG, bytes };
  const reader = new BatchReader(batch);
  while (reader.next());
  return batch;
}

/** Where the texts of an entry lie: version `[version, keys)`, keys `[keys, record)`, record `[record, end)`. */
export interface EntryLayout {
  readonly version: number;
  readonly keys: number;
  readonly record: number;
  readonly end: number;
}

/** The layout of the entry whose head is at `head`. */
export function entryLayout(bytes: Buffer, head: number): EntryLayout {
  const version = head + ENTRY_HEAD_BYTES;
  const keys = version + bytes.readUInt32LE(head + 4);
  const record = keys + bytes.readUInt32LE(head + 8);
  return { version, keys, record, end: record + bytes.readUInt32LE(head + 12) };
}

/** Walks the entries of a batch; its fields describe the entry that `next` stepped on. */
export class BatchReader {
  readonly batch: ResourceBatch;
  readonly bytes: Buffer;
  kind: EntryKind = 'workload';
  fallback = false;
  /** Where the entry begins, and where it ends. */
  head = 0;
  end: number = HEADER_BYTES;
  #keys = 0;
  #record = 0;
  #left: number;

  constructor(batch: ResourceBatch) {
    this.batch = batch;
    this.bytes = Buffer.from(batch.bytes);
    this.#left = this.bytes.readUInt32LE(12);
  }

  /** Steps to the next entry; false at the end. Throws `AMBIT_RESOURCE_BATCH` when an entry does not fit. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const { bytes, end: head } = this;
    if (head + ENTRY_HEAD_BYTES > bytes.length) throw truncated();
    const flags = bytes.readUInt32LE(head);
    const kind = KINDS[flags & 0xff];
    const { keys, record, end } = entryLayout(bytes, head);
    if (kind === undefined || end > bytes.length) throw truncated();
    this.head = head;
    this.end = end;
    this.#keys = keys;
    this.#record = record;
    this.kind = kind;
    this.fallback = (flags & FALLBACK_FLAG) !== 0;
    return true;
  }

  keys(): string {
    return this.bytes.toString('utf8', this.#keys, this.#record);
  }
}

function truncated(): AmbitError {
  return new AmbitError('AMBIT_RESOURCE_BATCH', 'a resource batch ends in the middle of an entry');
}
