import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackDecoder } from './decoder.ts';
import { encodedBound, HpackEncoder } from './encoder.ts';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';

function encode(encoder: HpackEncoder, fields: string[]): Buffer {
  const target = Buffer.alloc(encodedBound(fields));
  return target.subarray(0, encoder.encode(fields, target, 0));
}

function decode(decoder: HpackDecoder, block: Buffer): string[] {
  const fields: string[] = [];
  expect(decoder.decode(block, 0, block.length, 1 << 20, fields)).toBe('complete');
  return fields;
}

const REQUEST = [
  ':method',
  'CONNECT',
  ':authority',
  '10.0.0.1:80',
  'baggage',
  'k8s.cluster.name=c',
  'traceparent',
  '00-1-2-00',
];

describe('HpackEncoder', () => {
  it('matches the octets of RFC 7541 C.4', () => {
    const encoder = new HpackEncoder({ huffman: true });
    const first = encode(encoder, [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com']);
    expect(first.toString('hex')).toBe('828684418cf1e3c2e5f23a6ba0ab90f4ff');
  });

  it('sends what repeats as one octet each, what changes as literals', () => {
    const encoder = new HpackEncoder();
    encode(encoder, REQUEST);
    const again = encode(encoder, [...REQUEST.slice(0, 6), 'traceparent', '00-3-4-00']);
    expect(again.length).toBe(3 + 1 + 12 + 10);
    const decoder = new HpackDecoder();
    const fresh = new HpackEncoder();
    expect(decode(decoder, encode(fresh, REQUEST))).toEqual(REQUEST);
    expect(decode(decoder, encode(fresh, REQUEST))).toEqual(REQUEST);
  });

  it('never puts credentials into the table', () => {
    const encoder = new HpackEncoder();
    const block = encode(encoder, ['authorization', 'Bearer x']);
    expect((block[0] ?? 0) & 0xf0).toBe(0x10);
    expect(encoder.tableSize).toBe(0);
  });

  it("follows the peer's table limit down and up, with the updates RFC 7541 4.2 asks for", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    decode(decoder, encode(encoder, ['a', 'b']));
    encoder.setPeerLimit(0);
    encoder.setPeerLimit(1000);
    const block = encode(encoder, ['a', 'b']);
    expect(block[0]).toBe(0x20);
    expect(decode(decoder, block)).toEqual(['a', 'b']);
    expect(decoder.tableSize).toBe(34);
  });

  it('any sequence of lists survives, with and without Huffman, through evictions and limits', () => {
    const text = fc.stringMatching(/^[a-z0-9:/.-]{0,60}$/);
    const name = fc.constantFrom(
      'a',
      'bb',
      'cookie',
      'date',
      ':path',
      'via',
      'x-very-long-name-of-a-field',
      'content-type',
    );
    const list = fc.array(fc.tuple(name, text), { maxLength: 12 }).map((pairs) => pairs.flat());
    const step = fc.record({ fields: list, limit: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, huffman) => {
        const encoder = new HpackEncoder({ huffman });
        const decoder = new HpackDecoder();
        for (const { fields, limit } of steps) {
          if (limit !== undefined) encoder.setPeerLimit(limit);
          const block = encode(encoder, fields);
          expect(decode(decoder, block)).toEqual(fields);
          expect(decoder.tableSize).toBe(encoder.tableSize);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('Huffman', () => {
  it('any octets survive', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const text = Buffer.from(octets).toString('latin1');
        const coded = Buffer.alloc(huffmanLength(text));
        expect(encodeHuffman(text, coded, 0)).toBe(coded.length);
        const plain = Buffer.alloc(octets.length + 8);
        const length = decodeHuffman(coded, 0, coded.length, plain);
        expect(plain.subarray(0, length)).toEqual(Buffer.from(octets));
      }),
    );
  });
});
