import { HEADER_TABLE_BYTES } from '../limits.ts';
import { encodeHuffman, huffmanLength } from './huffman.ts';
import { ENTRY_OVERHEAD, STATIC_COUNT, STATIC_TABLE } from './static-table.ts';

export interface HpackEncoderOptions {
  /** Largest dynamic table this end uses, octets, however much the peer offers. Default 4096. */
  tableSize?: number;
  /** Huffman-code strings that get shorter by it. Default false: within a mesh the bytes are cheaper than the coding. */
  huffman?: boolean;
  /** Names whose values hardly repeat: sent as literals that do not enter the table. Default `CHANGING_NAMES`. */
  changing?: ReadonlySet<string>;
  /** Names whose values must not be guessable by compression: never indexed (RFC 7541 7.1.3). Default `SECRET_NAMES`. */
  secret?: ReadonlySet<string>;
}

const CHANGING_NAMES: ReadonlySet<string> = new Set([
  'content-length',
  'date',
  'etag',
  'forwarded',
  'grpc-timeout',
  'last-modified',
  'traceparent',
  'tracestate',
  'x-b3-parentspanid',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-request-id',
]);

const SECRET_NAMES: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);

/** Values longer than this part of the table are not worth the entries they would push out. */
const LARGEST_SHARE = 4;

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  readonly insertion: number;
}

interface NameEntries {
  /** Insertion number of the newest entry of each value. */
  readonly values: Map<string, number>;
  /** Insertion number of the newest entry with this name. */
  newest: number;
}

const staticNames = new Map<string, number>();
const staticFields = new Map<string, Map<string, number>>();
STATIC_TABLE.forEach(([name, value], position) => {
  if (!staticNames.has(name)) staticNames.set(name, position + 1);
  let values = staticFields.get(name);
  if (values === undefined) {
    values = new Map<string, number>();
    staticFields.set(name, values);
  }
  values.set(value, position + 1);
});

/** Octets that `encode` writes for these fields at most, table size updates included. */
export function encodedBound(fields: readonly string[]): number {
  let bound = 16;
  for (let index = 0; index < fields.length; index += 1) bound += (fields[index]?.length ?? 0) + 8;
  return bound;
}

/** One direction's header compression (RFC 7541). Strings are latin1: one character per octet. */
export class HpackEncoder {
  readonly #ownLimit: number;
  readonly #huffman: boolean;
  readonly #changing: ReadonlySet<string>;
  readonly #secret: ReadonlySet<string>;
  #maxSize: number;
  #size = 0;
  #insertions = 0;
  /** Entries oldest first, from #oldest on; compacted now and then. */
  #entries: Entry[] = [];
  #oldest = 0;
  readonly #names = new Map<string, NameEntries>();
  /** Smallest size since the last block, when it has to be announced (RFC 7541 4.2). */
  #smallestPending: number | undefined;

  constructor(options: HpackEncoderOptions = {}) {
    this.#ownLimit = options.tableSize ?? HEADER_TABLE_BYTES;
    this.#huffman = options.huffman ?? false;
    this.#changing = options.changing ?? CHANGING_NAMES;
    this.#secret = options.secret ?? SECRET_NAMES;
    this.#maxSize = Math.min(this.#ownLimit, HEADER_TABLE_BYTES);
    if (this.#maxSize !== HEADER_TABLE_BYTES) this.#smallestPending = this.#maxSize;
  }

  get tableSize(): number {
    return this.#size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. The next block begins with the update. */
  setPeerLimit(limit: number): void {
    const size = Math.min(limit, this.#ownLimit);
    if (size === this.#maxSize) return;
    this.#smallestPending = Math.min(this.#smallestPending ?? size, size);
    this.#maxSize = size;
    this.#evict(size);
  }

  /**
   * Writes the block of `fields` (name, value, name, value…) to `target` at `at`; returns the offset behind it.
   * `target` must have `encodedBound(fields)` octets of room.
   */
  encode(fields: readonly string[], target: Buffer, at: number): number {
    let out = at;
    if (this.#smallestPending !== undefined) {
      if (this.#smallestPending < this.#maxSize) out = writeInteger(target, out, 0x20, 0x1f, this.#smallestPending);
      out = writeInteger(target, out, 0x20, 0x1f, this.#maxSize);
      this.#smallestPending = undefined;
    }
    for (let index = 0; index + 1 < fields.length; index += 2) {
      out = this.#field(target, out, fields[index] ?? '', fields[index + 1] ?? '');
    }
    return out;
  }

  #field(target: Buffer, at: number, name: string, value: string): number {
    if (this.#secret.has(name)) return this.#literal(target, at, 0x10, 0x0f, name, value);
    const fixed = staticFields.get(name)?.get(value);
    if (fixed !== undefined) return writeInteger(target, at, 0x80, 0x7f, fixed);
    if (this.#changing.has(name)) return this.#literal(target, at, 0, 0x0f, name, value);
    const insertion = this.#names.get(name)?.values.get(value);
    if (insertion !== undefined) return writeInteger(target, at, 0x80, 0x7f, this.#indexOf(insertion));
    const size = name.length + value.length + ENTRY_OVERHEAD;
    if (size > this.#maxSize / LARGEST_SHARE) return this.#literal(target, at, 0, 0x0f, name, value);
    const out = this.#literal(target, at, 0x40, 0x3f, name, value);
    this.#add(name, value, size);
    return out;
  }

  #literal(target: Buffer, at: number, pattern: number, mask: number, name: string, value: string): number {
    let index = staticNames.get(name) ?? 0;
    if (index === 0) {
      const known = this.#names.get(name);
      if (known !== undefined) index = this.#indexOf(known.newest);
    }
    let out = writeInteger(target, at, pattern, mask, index);
    if (index === 0) out = this.#string(target, out, name);
    return this.#string(target, out, value);
  }

  #string(target: Buffer, at: number, text: string): number {
    if (this.#huffman) {
      const length = huffmanLength(text);
      if (length < text.length) return encodeHuffman(text, target, writeInteger(target, at, 0x80, 0x7f, length));
    }
    const out = writeInteger(target, at, 0, 0x7f, text.length);
    return out + target.write(text, out, 'latin1');
  }

  #indexOf(insertion: number): number {
    return STATIC_COUNT + this.#insertions - insertion;
  }

  #add(name: string, value: string, size: number): void {
    this.#evict(this.#maxSize - size);
    const insertion = this.#insertions++;
    this.#entries.push({ name, value, size, insertion });
    this.#size += size;
    const known = this.#names.get(name);
    if (known === undefined) {
      this.#names.set(name, { values: new Map<string, number>([[value, insertion]]), newest: insertion });
    } else {
      known.values.set(value, insertion);
      known.newest = insertion;
    }
  }

  #evict(room: number): void {
    while (this.#size > room) {
      const entry = this.#entries[this.#oldest];
      if (entry === undefined) break;
      this.#oldest++;
      this.#size -= entry.size;
      const known = this.#names.get(entry.name);
      if (known?.values.get(entry.value) === entry.insertion) known.values.delete(entry.value);
      if (known?.newest === entry.insertion) this.#names.delete(entry.name);
    }
    if (this.#oldest > 64 && this.#oldest * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#oldest);
      this.#oldest = 0;
    }
  }
}

function writeInteger(target: Buffer, at: number, pattern: number, mask: number, value: number): number {
  let out = at;
  if (value < mask) {
    target[out++] = pattern | value;
    return out;
  }
  target[out++] = pattern | mask;
  let rest = value - mask;
  while (rest > 0x7f) {
    target[out++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[out++] = rest;
  return out;
}
