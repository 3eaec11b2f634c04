import { type BatchReader, entryLayout } from '../resource/batch.ts';

/** The bytes of one batch, shared by the resources that still point into it. */
export class BatchMemory {
  readonly bytes: Buffer;
  /** Bytes that some resource still needs. */
  live = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** Reads a resource from the texts of its keys and its record. */
export type ParseResource<Model> = (keys: string, record: string) => Model;

/** A resource of the store: keys at hand, the rest as bytes until it is asked for. Kept small, for there are many. */
export class StoredResource<Keys, Model> {
  readonly keys: Keys;
  /** True when it only stands in for a version that was refused. */
  readonly fallback: boolean;
  #memory: BatchMemory;
  #head: number;
  readonly #parse: ParseResource<Model>;
  #model: Model | undefined;

  constructor(keys: Keys, reader: BatchReader, memory: BatchMemory, parse: ParseResource<Model>) {
    this.keys = keys;
    this.fallback = reader.fallback;
    this.#head = reader.head;
    this.#memory = memory;
    this.#parse = parse;
    memory.live += reader.end - reader.head;
  }

  /** The decoded resource; decoded on first use, the same object ever after. */
  get model(): Model {
    this.#model ??= this.#parse(this.keysText(), this.record());
    return this.#model;
  }

  /** Whether somebody has asked for the model. */
  get decoded(): boolean {
    return this.#model !== undefined;
  }

  /** Whether its bytes are part of that batch. */
  sharesBatch(memory: BatchMemory): boolean {
    return this.#memory === memory;
  }

  /** Size of the memory that it keeps alive. */
  get batchBytes(): number {
    return this.#memory.bytes.length;
  }

  version(): string {
    const { bytes } = this.#memory;
    const { version, keys } = entryLayout(bytes, this.#head);
    return bytes.toString('utf8', version, keys);
  }

  keysText(): string {
    const { bytes } = this.#memory;
    const { keys, record } = entryLayout(bytes, this.#head);
    return bytes.toString('utf8', keys, record);
  }

  record(): string {
    const { bytes } = this.#memory;
    const { record, end } = entryLayout(bytes, this.#head);
    return bytes.toString('utf8', record, end);
  }

  /** Gives up its claim on the batch; the caller forgets the resource. Returns the batch. */
  release(): BatchMemory {
    const memory = this.#memory;
    memory.live -= entryLayout(memory.bytes, this.#head).end - this.#head;
    return memory;
  }

  /** Takes its bytes out of the batch into memory of its own. */
  copyOut(): void {
    const { bytes } = this.#memory;
    const { end } = entryLayout(bytes, this.#head);
    const own = new BatchMemory(Buffer.from(bytes.subarray(this.#head, end)));
    this.release();
    own.live = end - this.#head;
    this.#memory = own;
    this.#head = 0;
  }
}
