import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSnapshot, encodeSnapshot } from './snapshot-file.ts';

const HEADER = { state: 'resources', release: '1.2.3', writtenAt: 1_790_000_000_000 } as const;
const file = (content: string): Buffer => Buffer.concat(encodeSnapshot(HEADER, Buffer.from(content)));

describe('a snapshot file', () => {
  it('gives back what was written, also from memory that threads share', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set([7, 8, 9]);
    const bytes = Buffer.concat(encodeSnapshot(HEADER, shared));
    expect([...decodeSnapshot(bytes, HEADER)]).toEqual([7, 8, 9]);
    expect(decodeSnapshot(file(''), HEADER)).toHaveLength(0);
  });

  it('is refused when any of its bits is another one, or a part of it is missing', () => {
    const whole = file('the state of the mesh');
    fc.assert(
      fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
        const spoiled = Buffer.from(whole);
        spoiled[bit >> 3] = (spoiled[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => decodeSnapshot(spoiled, HEADER)).toThrow(
          expect.objectContaining({ code: 'AMBIT_SNAPSHOT_REFUSED' }),
        );
      }),
    );
    for (let length = 0; length < whole.length; length += 1)
      expect(() => decodeSnapshot(whole.subarray(0, length), HEADER)).toThrow();
  });

  it('is refused when another release, or another state, is wanted', () => {
    expect(() => decodeSnapshot(file('x'), { ...HEADER, release: '1.2.4' })).toThrow(
      /written as.*1\.2\.3.*not as.*1\.2\.4/,
    );
    expect(() => decodeSnapshot(file('x'), { ...HEADER, state: 'certificates' })).toThrow(/not as.*certificates/);
  });

  it('is refused whatever else it is, without reading outside of it', () => {
    const magic = Buffer.from('AMBITSNP');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, begun) => {
        expect(() => decodeSnapshot(Buffer.concat([begun ? magic : Buffer.alloc(0), noise]), HEADER)).toThrow(
          expect.objectContaining({ code: 'AMBIT_SNAPSHOT_REFUSED' }),
        );
      }),
    );
  });
});
