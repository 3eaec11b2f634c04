import type { BatchReader } from '../resource/batch.ts';

/** The bytes of one batch, shared by the resources that still point into it. */
export class BatchMemory {
  readonly bytes: Buffer;
  /** Bytes that some resource still needs. */
  live = 0;
  readonly resources: Set<StoredResource<unknown, unknown>> = new Set();

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A resource of the store: keys at hand, the rest as bytes until it is asked for. */
export class StoredResource<Keys, Model> {
  readonly keys: Keys;
  /** True when it only stands in for a version that was refused. */
  readonly fallback: boolean;
  #memory: BatchMemory | undefined;
  #bytes: Buffer;
  #versionStart: number;
  #keysStart: number;
  #recordStart: number;
  #end: number;
  readonly #parse: (text: string) => Model;
  #model: Model | undefined;

  constructor(keys: Keys, reader: BatchReader, memory: BatchMemory, parse: (text: string) => Model) {
    this.keys = keys;
    this.fallback = reader.fallback;
    this.#bytes = reader.bytes;
    this.#versionStart = reader.versionStart;
    this.#keysStart = reader.keysStart;
    this.#recordStart = reader.recordStart;
    this.#end = reader.end;
    this.#parse = parse;
    this.#memory = memory;
    memory.live += this.#end - this.#versionStart;
    memory.resources.add(this);
  }

  /** The decoded resource; decoded on first use, the same object ever after. */
  get model(): Model {
    this.#model ??= this.#parse(this.record());
    return this.#model;
  }

  /** Whether somebody has asked for the model. */
  get decoded(): boolean {
    return this.#model !== undefined;
  }

  /** Whether its bytes are still part of the batch in which it came. */
  get sharesBatch(): boolean {
    return this.#memory !== undefined;
  }

  version(): string {
    return this.#bytes.toString('utf8', this.#versionStart, this.#keysStart);
  }

  keysText(): string {
    return this.#bytes.toString('utf8', this.#keysStart, this.#recordStart);
  }

  record(): string {
    return this.#bytes.toString('utf8', this.#recordStart, this.#end);
  }

  /** Gives up its claim on the batch; the caller forgets the resource. Returns the memory when it became sparse. */
  release(): BatchMemory | undefined {
    const memory = this.#memory;
    if (memory === undefined) return undefined;
    memory.live -= this.#end - this.#versionStart;
    memory.resources.delete(this);
    this.#memory = undefined;
    return memory;
  }

  /** Takes its bytes out of the batch into a buffer of its own. */
  copyOut(): void {
    if (this.release() === undefined) return;
    const start = this.#versionStart;
    this.#bytes = Buffer.from(this.#bytes.subarray(start, this.#end));
    this.#versionStart = 0;
    this.#keysStart -= start;
    this.#recordStart -= start;
    this.#end -= start;
  }
}
