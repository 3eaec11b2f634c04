import { HEADER_TABLE_BYTES } from '../limits.ts';
import { HpackError } from './errors.ts';
import { isFieldName, isFieldValue } from './field-octets.ts';
import { decodeHuffman } from './huffman.ts';
import { ENTRY_OVERHEAD, STATIC_COUNT, STATIC_TABLE } from './static-table.ts';

/** What became of a block that did not break the compression state. */
export type BlockOutcome = 'complete' | 'too-large' | 'malformed';

/** Judges a literal's octets before it becomes a string; false makes the block `malformed`. */
export type OctetCheck = (bytes: Uint8Array, start: number, end: number) => boolean;

export interface HpackDecoderOptions {
  /** Largest dynamic table the peer may use, octets (our SETTINGS_HEADER_TABLE_SIZE). Default 4096. */
  tableSize?: number;
  /** Default: RFC 9113 8.2.1, lower case only. */
  checkName?: OctetCheck;
  checkValue?: OctetCheck;
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  readonly valid: boolean;
}

const STATIC_ENTRIES: readonly Entry[] = STATIC_TABLE.map(([name, value]) => ({
  name,
  value,
  size: name.length + value.length + ENTRY_OVERHEAD,
  valid: true,
}));

/** Decoded Huffman octets of the string at hand; one for the thread, because nothing outlives a call. Grows to the largest string seen. */
let plain = Buffer.allocUnsafeSlow(4096);

/** One direction's header decompression (RFC 7541). Strings are latin1: one character per octet. */
export class HpackDecoder {
  readonly #limit: number;
  readonly #checkName: OctetCheck;
  readonly #checkValue: OctetCheck;
  /** Size the peer chose by its last update, at most #limit. */
  #maxSize: number;
  #size = 0;
  /** Ring of entries, newest at #head - 1. */
  #ring: (Entry | undefined)[] = new Array<Entry | undefined>(16);
  #head = 0;
  #count = 0;

  // State of the block at hand.
  #at = 0;
  #end = 0;
  /** The last string: octets [#stringStart, #stringEnd) of #stringBytes. */
  #stringBytes: Buffer = plain;
  #stringStart = 0;
  #stringEnd = 0;

  constructor(options: HpackDecoderOptions = {}) {
    this.#limit = options.tableSize ?? HEADER_TABLE_BYTES;
    this.#maxSize = this.#limit;
    this.#checkName = options.checkName ?? isFieldName;
    this.#checkValue = options.checkValue ?? isFieldValue;
  }

  /** Octets in the dynamic table by the count of RFC 7541 4.1. */
  get tableSize(): number {
    return this.#size;
  }

  /** Entries of the dynamic table, newest first. */
  tableEntries(): [name: string, value: string][] {
    return Array.from({ length: this.#count }, (_, index) => {
      const entry = this.#lookUp(STATIC_COUNT + 1 + index);
      return [entry.name, entry.value];
    });
  }

  /**
   * Decodes one whole header block `bytes[start, end)` and appends name, value, name, value… to `fields`.
   * A list beyond `maxListSize` (RFC 9113 6.5.2 count) is decoded on for the table's sake but no longer made into strings.
   * With any outcome but `complete` the content of `fields` is of no use. Throws HpackError when the state of both ends differs.
   */
  decode(bytes: Buffer, start: number, end: number, maxListSize: number, fields: string[]): BlockOutcome {
    this.#at = start;
    this.#end = end;
    let listSize = 0;
    let valid = true;
    let begun = false;
    while (this.#at < end) {
      const first = bytes[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (begun) throw new HpackError('a table size update stands behind a field');
        this.#resize(this.#integer(bytes, 0x1f));
        continue;
      }
      begun = true;
      if ((first & 0x80) !== 0) {
        const entry = this.#lookUp(this.#integer(bytes, 0x7f));
        listSize += entry.size;
        valid = valid && entry.valid;
        if (listSize <= maxListSize) fields.push(entry.name, entry.value);
        continue;
      }
      const indexed = (first & 0x40) !== 0;
      const nameIndex = this.#integer(bytes, indexed ? 0x3f : 0x0f);
      let name = '';
      let nameLength: number;
      let nameValid = true;
      if (nameIndex !== 0) {
        const entry = this.#lookUp(nameIndex);
        name = entry.name;
        nameLength = name.length;
        // The value of that entry may have been the reason; names are judged again only when it was.
        if (!entry.valid) {
          const octets = Buffer.from(name, 'latin1');
          nameValid = this.#checkName(octets, 0, octets.length);
        }
      } else {
        this.#string(bytes);
        nameLength = this.#stringEnd - this.#stringStart;
        nameValid = this.#checkName(this.#stringBytes, this.#stringStart, this.#stringEnd);
        if (listSize + nameLength <= maxListSize || nameLength <= this.#maxSize) name = this.#text();
      }
      this.#string(bytes);
      const valueLength = this.#stringEnd - this.#stringStart;
      const fieldValid = nameValid && this.#checkValue(this.#stringBytes, this.#stringStart, this.#stringEnd);
      valid = valid && fieldValid;
      const size = nameLength + valueLength + ENTRY_OVERHEAD;
      listSize += size;
      const wanted = listSize <= maxListSize;
      const kept = indexed && size <= this.#maxSize;
      const value = wanted || kept ? this.#text() : '';
      if (wanted) fields.push(name, value);
      if (indexed) this.#add(kept ? { name, value, size, valid: fieldValid } : undefined, size);
    }
    if (listSize > maxListSize) return 'too-large';
    return valid ? 'complete' : 'malformed';
  }

  #text(): string {
    return this.#stringBytes.toString('latin1', this.#stringStart, this.#stringEnd);
  }

  #string(bytes: Buffer): void {
    const huffman = ((bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(bytes, 0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw new HpackError('a string reaches beyond the header block');
    this.#at = end;
    if (!huffman) {
      this.#stringBytes = bytes;
      this.#stringStart = start;
      this.#stringEnd = end;
      return;
    }
    const needed = Math.ceil((length * 8) / 5);
    if (plain.length < needed) plain = Buffer.allocUnsafeSlow(needed);
    this.#stringBytes = plain;
    this.#stringStart = 0;
    this.#stringEnd = decodeHuffman(bytes, start, end, plain);
  }

  /** An integer with the prefix `mask` (RFC 7541 5.1); above 2^28 nothing in HPACK is meaningful. */
  #integer(bytes: Buffer, mask: number): number {
    if (this.#at >= this.#end) throw new HpackError('the header block ends within a field');
    let value = (bytes[this.#at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#end) throw new HpackError('the header block ends within an integer');
      const octet = bytes[this.#at++] ?? 0;
      value += (octet & 0x7f) << shift;
      if ((octet & 0x80) === 0) return value;
    }
    throw new HpackError('an integer is longer than any meaningful one');
  }

  #lookUp(index: number): Entry {
    if (index <= STATIC_COUNT) {
      const entry = STATIC_ENTRIES[index - 1];
      if (entry !== undefined) return entry;
    } else if (index - STATIC_COUNT <= this.#count) {
      const entry = this.#ring[(this.#head - (index - STATIC_COUNT)) & (this.#ring.length - 1)];
      if (entry !== undefined) return entry;
    }
    throw new HpackError(
      `index ${index} is not in a table of ${STATIC_COUNT} fixed and ${this.#count} dynamic entries`,
    );
  }

  #resize(size: number): void {
    if (size > this.#limit) throw new HpackError(`a table size update to ${size} is above the limit ${this.#limit}`);
    this.#maxSize = size;
    this.#evict(size);
  }

  /** Drops the oldest entries until at most `room` octets are left. */
  #evict(room: number): void {
    const mask = this.#ring.length - 1;
    while (this.#size > room && this.#count > 0) {
      const oldest = (this.#head - this.#count) & mask;
      this.#size -= this.#ring[oldest]?.size ?? 0;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }

  /** Adds an entry; one that is larger than the whole table (undefined) empties it (RFC 7541 4.4). */
  #add(entry: Entry | undefined, size: number): void {
    this.#evict(Math.max(0, this.#maxSize - size));
    if (entry === undefined) return;
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[this.#head] = entry;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count++;
    this.#size += size;
  }

  #grow(): void {
    const larger = new Array<Entry | undefined>(this.#ring.length * 2);
    for (let age = 1; age <= this.#count; age++) {
      larger[this.#count - age] = this.#ring[(this.#head - age) & (this.#ring.length - 1)];
    }
    this.#ring = larger;
    this.#head = this.#count;
  }
}
