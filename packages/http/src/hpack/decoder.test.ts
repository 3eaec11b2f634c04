import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackDecoder } from './decoder.ts';
import { HpackError } from './errors.ts';

const LIMIT = 65_536;

function decode(decoder: HpackDecoder, hex: string, limit = LIMIT): { outcome: string; fields: string[] } {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const fields: string[] = [];
  return { outcome: decoder.decode(bytes, 0, bytes.length, limit, fields), fields };
}

const REQUESTS = [
  [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
  [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com', 'cache-control', 'no-cache'],
  [
    ...[':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com'],
    ...['custom-key', 'custom-value'],
  ],
];

const RESPONSES = [
  [
    ...[':status', '302', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ...['location', 'https://www.example.com'],
  ],
  [
    ...[':status', '307', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ...['location', 'https://www.example.com'],
  ],
  [
    ...[':status', '200', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ...['location', 'https://www.example.com', 'content-encoding', 'gzip'],
    ...['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
];

describe('the examples of RFC 7541 appendix C', () => {
  it('C.2: single fields of every representation', () => {
    const indexed = new HpackDecoder();
    expect(decode(indexed, '400a637573746f6d2d6b65790d637573746f6d2d686561646572').fields).toEqual([
      'custom-key',
      'custom-header',
    ]);
    expect(indexed.tableSize).toBe(55);
    const literal = new HpackDecoder();
    expect(decode(literal, '040c2f73616d706c652f70617468').fields).toEqual([':path', '/sample/path']);
    expect(decode(literal, '100870617373776f726406736563726574').fields).toEqual(['password', 'secret']);
    expect(decode(literal, '82').fields).toEqual([':method', 'GET']);
    expect(literal.tableSize).toBe(0);
  });

  it.each([
    [
      'C.3, plain',
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
    ],
    [
      'C.4, Huffman',
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
    ],
  ])('%s: three requests on one connection', (_, blocks) => {
    const decoder = new HpackDecoder();
    const sizes = [57, 110, 164];
    blocks.forEach((block, index) => {
      expect(decode(decoder, block)).toEqual({ outcome: 'complete', fields: REQUESTS[index] });
      expect(decoder.tableSize).toBe(sizes[index]);
    });
  });

  it.each([
    [
      'C.5, plain',
      [
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      ],
    ],
    [
      'C.6, Huffman',
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
    ],
  ])('%s: three responses with a table of 256 octets that evicts', (_, blocks) => {
    const decoder = new HpackDecoder({ tableSize: 256 });
    const sizes = [222, 222, 215];
    blocks.forEach((block, index) => {
      expect(decode(decoder, block)).toEqual({ outcome: 'complete', fields: RESPONSES[index] });
      expect(decoder.tableSize).toBe(sizes[index]);
    });
  });
});

describe('blocks that break the compression state', () => {
  it.each([
    ['index 0', '80'],
    ['an index beyond the table', 'be'],
    ['a size update above the limit', '3fe21f'],
    ['a size update behind a field', '8220'],
    ['an integer without end', '7fffffffffff7f'],
    ['an integer cut off', 'ff'],
    ['a string longer than the block', '400a6162'],
    ['a name without value', '400161'],
    ['Huffman padding of zeros', '0001618118'],
    ['Huffman padding of a whole octet', '000161821fff'],
    ['the end-of-string symbol', '00016184ffffffff'],
  ])('%s', (_, hex) => {
    expect(() => decode(new HpackDecoder(), hex)).toThrow(HpackError);
  });

  it('random octets give fields, an outcome or HpackError, nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (blocks) => {
        const decoder = new HpackDecoder();
        for (const block of blocks) {
          const fields: string[] = [];
          try {
            decoder.decode(Buffer.from(block), 0, block.length, LIMIT, fields);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(HpackError);
            return;
          }
          expect(fields.length % 2).toBe(0);
          expect(decoder.tableSize).toBeLessThanOrEqual(4096);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('header lists that are refused', () => {
  it('names in upper case, control characters and surrounding spaces are malformed, the state lives on', () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, '4001410162').outcome).toBe('malformed');
    expect(decode(decoder, '400161020d0a').outcome).toBe('malformed');
    expect(decode(decoder, '400161022062').outcome).toBe('malformed');
    expect(decode(decoder, '40016100').outcome).toBe('complete');
    expect(decoder.tableEntries().map(([name]) => name)).toEqual(['a', 'a', 'a', 'A']);
  });

  it('a malformed entry stays malformed when it is referred to, its name alone does not', () => {
    const decoder = new HpackDecoder();
    decode(decoder, '400161022062');
    expect(decode(decoder, 'be').outcome).toBe('malformed');
    expect(decode(decoder, '7e0162')).toEqual({ outcome: 'complete', fields: ['a', 'b'] });
  });

  it('one octet per large entry does not become a large list', () => {
    const decoder = new HpackDecoder();
    const value = Buffer.alloc(4000, 'v');
    decode(decoder, `400161 7fa11e ${value.toString('hex')}`);
    const bomb = 'be'.repeat(60_000);
    const { outcome, fields } = decode(decoder, bomb);
    expect(outcome).toBe('too-large');
    expect(fields.length / 2).toBeLessThanOrEqual(16);
    expect(decode(decoder, 'be').outcome).toBe('complete');
  });

  it('an entry larger than the table empties it', () => {
    const decoder = new HpackDecoder();
    decode(decoder, '40016100');
    decode(decoder, `400162 7fa91f ${Buffer.alloc(4136, 'v').toString('hex')}`);
    expect(decoder.tableSize).toBe(0);
  });
});
