import { ipFromBytes, ipToBytes } from '@ambit/core/address';
import { cidrContains, cidrFromBytes } from '@ambit/core/cidr';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressBits } from './address-bits.ts';
import { PrefixTable } from './prefix-table.ts';

/** Few distinct bytes, so that prefixes often hold the addresses. */
const byte = fc.constantFrom(0, 1, 10, 127, 128, 192, 255);
const addressBytes = fc.constantFrom(4, 16).chain((length) => fc.array(byte, { minLength: length, maxLength: length }));
const address = addressBytes.map((bytes) => ipFromBytes(Uint8Array.from(bytes)) ?? '');
const prefix = fc
  .tuple(addressBytes, fc.nat(128))
  .map(([bytes, length]) => cidrFromBytes(Uint8Array.from(bytes), length % (bytes.length * 8 + 1)))
  .filter((cidr) => cidr !== undefined);

describe('AddressBits', () => {
  it('reads any address as its bytes say', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), address), (ip) => {
        const fromText = new AddressBits().read(ip);
        const fromBytes = new AddressBits().readBytes(ipToBytes(ip));
        expect([fromText.family, ...fromText.words]).toEqual([fromBytes.family, ...fromBytes.words]);
      }),
    );
  });

  it.each(['', '1.2.3.256', '1.2.3.4.5', '1..2.3', 'example'])('refuses %j', (text) => {
    expect(() => new AddressBits().read(text)).toThrow(/is not an IP address/);
  });
});

describe('PrefixTable', () => {
  it('finds what a walk over all prefixes finds, the longest first', () => {
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 12 }), address, fc.nat(12), (prefixes, ip, removed) => {
        const table = new PrefixTable<number>();
        for (const [index, cidr] of prefixes.entries()) table.add(cidr, index);
        const gone = prefixes[removed];
        if (gone !== undefined) table.remove(gone, removed);

        const holding = prefixes.flatMap((cidr, index) => (index !== removed && cidrContains(cidr, ip) ? [index] : []));
        const longest = Math.max(...holding.map((index) => prefixes[index]?.prefixLength ?? -1));
        const expected = holding.filter((index) => prefixes[index]?.prefixLength === longest);
        const bits = new AddressBits().read(ip);
        expect(table.contains(bits)).toBe(holding.length > 0);
        const found = table.longest(bits, (values) => values, undefined) ?? [];
        expect([...found].sort((a, b) => a - b)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('goes on to a shorter prefix when the longer one has nothing fitting', () => {
    const table = new PrefixTable<string>();
    table.add({ bytes: Uint8Array.of(10, 0, 0, 0), prefixLength: 8 }, 'wide');
    table.add({ bytes: Uint8Array.of(10, 1, 0, 0), prefixLength: 16 }, 'narrow');
    const bits = new AddressBits().read('10.1.2.3');
    expect(table.longest(bits, (values, wanted: string) => values.find((value) => value === wanted), 'wide')).toBe(
      'wide',
    );
  });
});
