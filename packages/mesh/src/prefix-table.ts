import type { Cidr } from '@ambit/core/cidr';
import { AddressBits } from './address-bits.ts';

/** IPv4 prefixes are keyed by their masked number, IPv6 ones by their masked words as text. */
type PrefixKey = number | string;

class PrefixesOfLength<Value> {
  readonly length: number;
  readonly byKey = new Map<PrefixKey, Value[]>();

  constructor(length: number) {
    this.length = length;
  }
}

/**
 * Values by network prefix. A look-up costs one hash look-up per distinct prefix length, however many prefixes there are,
 * and goes from the longest prefix to the shortest.
 */
export class PrefixTable<Value> {
  readonly #v4: PrefixesOfLength<Value>[] = [];
  readonly #v6: PrefixesOfLength<Value>[] = [];
  readonly #bits = new AddressBits();

  add(cidr: Cidr, value: Value): void {
    const lengths = cidr.bytes.length === 4 ? this.#v4 : this.#v6;
    let entry = lengths.find(({ length }) => length === cidr.prefixLength);
    if (entry === undefined) {
      entry = new PrefixesOfLength(cidr.prefixLength);
      lengths.push(entry);
      lengths.sort((a, b) => b.length - a.length);
    }
    const key = maskedKey(this.#bits.readBytes(cidr.bytes), cidr.prefixLength);
    const values = entry.byKey.get(key);
    if (values === undefined) entry.byKey.set(key, [value]);
    else values.push(value);
  }

  remove(cidr: Cidr, value: Value): void {
    const lengths = cidr.bytes.length === 4 ? this.#v4 : this.#v6;
    const at = lengths.findIndex(({ length }) => length === cidr.prefixLength);
    const entry = lengths[at];
    if (entry === undefined) return;
    const key = maskedKey(this.#bits.readBytes(cidr.bytes), cidr.prefixLength);
    const values = entry.byKey.get(key)?.filter((other) => other !== value) ?? [];
    if (values.length > 0) entry.byKey.set(key, values);
    else entry.byKey.delete(key);
    if (entry.byKey.size === 0) lengths.splice(at, 1);
  }

  /** Whether any prefix holds the address. */
  contains(address: AddressBits): boolean {
    for (const entry of address.family === 4 ? this.#v4 : this.#v6) {
      if (entry.byKey.has(maskedKey(address, entry.length))) return true;
    }
    return false;
  }

  /** What `choose` takes of the values of the longest prefix that holds the address; else of the next shorter one. */
  longest<Context, Chosen>(
    address: AddressBits,
    choose: (values: readonly Value[], context: Context) => Chosen | undefined,
    context: Context,
  ): Chosen | undefined {
    for (const entry of address.family === 4 ? this.#v4 : this.#v6) {
      const values = entry.byKey.get(maskedKey(address, entry.length));
      const chosen = values === undefined ? undefined : choose(values, context);
      if (chosen !== undefined) return chosen;
    }
    return undefined;
  }

  get empty(): boolean {
    return this.#v4.length === 0 && this.#v6.length === 0;
  }
}

function maskedKey(address: AddressBits, length: number): PrefixKey {
  const { words } = address;
  if (address.family === 4) return masked(words[0], length) >>> 0;
  const a = masked(words[0], length);
  const b = masked(words[1], length - 32);
  const c = masked(words[2], length - 64);
  const d = masked(words[3], length - 96);
  return String.fromCharCode(a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff);
}

function masked(word: number | undefined, bits: number): number {
  if (word === undefined || bits <= 0) return 0;
  return bits >= 32 ? word : word & (0xffffffff << (32 - bits));
}
