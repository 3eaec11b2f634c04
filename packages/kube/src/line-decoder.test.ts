import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineDecoder } from './line-decoder.ts';

function decode(chunks: readonly Buffer[], maxBytes = 1_000): string[] {
  const decoder = new LineDecoder(maxBytes);
  const lines: string[] = [];
  for (const chunk of chunks) decoder.push(chunk, (line) => lines.push(line) > 0);
  return lines;
}

describe('line decoder', () => {
  it('gives the same lines however the bytes are split', () => {
    const line = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).map((text) => JSON.stringify({ text }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 20 }), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(decode(chunks)).toEqual(decode([bytes]));
        expect(decode(chunks)).toEqual(lines);
      }),
    );
  });

  it('keeps a line back until its end has come, and leaves empty lines out', () => {
    expect(decode([Buffer.from('{"a":1}\n\n \n{"b"')])).toEqual(['{"a":1}']);
  });

  it('refuses a line that grows beyond the limit, in one piece or in many', () => {
    expect(() => decode([Buffer.alloc(1_001, 'x')])).toThrow(RangeError);
    expect(() => decode(Array.from({ length: 1_001 }, () => Buffer.from('x')))).toThrow(RangeError);
    expect(decode([Buffer.from(`${'x'.repeat(1_000)}\n`)])[0]?.length).toBe(1_000);
  });

  it('stops at the line after which nothing is wanted', () => {
    const lines: string[] = [];
    new LineDecoder(100).push(Buffer.from('1\n2\n3\n'), (line) => lines.push(line) < 2);
    expect(lines).toEqual(['1', '2']);
  });
});
