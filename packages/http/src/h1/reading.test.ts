import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AMBIGUOUS_CASES } from './test-corpus.ts';
import { readRequests } from './test-reading.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('streams of octets that two readers might take for different requests', () => {
  it.each(AMBIGUOUS_CASES)('$name', ({ octets, verdict }) => {
    const reading = readRequests(latin1(octets));
    if (typeof verdict === 'number') {
      expect(reading.refusal).toBeUndefined();
      expect(reading.requests.filter(({ complete }) => complete)).toHaveLength(verdict);
    } else {
      expect(reading.refusal).toBe(verdict);
      expect(reading.requests.every(({ fields }) => !fields.includes('/admin'))).toBe(true);
    }
    if (octets.length < 1000) {
      for (let size = 1; size < octets.length; size++)
        expect(readRequests(latin1(octets), () => size)).toEqual(reading);
    } else {
      for (const size of [1, 7, 1000, 4096]) expect(readRequests(latin1(octets), () => size)).toEqual(reading);
    }
  });
});

describe('whatever arrives', () => {
  const seeds = AMBIGUOUS_CASES.filter(({ octets }) => octets.length < 500).map(({ octets }) => octets);

  it('is read alike in any pieces, and never more than once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...seeds), { minLength: 1, maxLength: 3 }),
        fc.array(
          fc.tuple(
            fc.nat(600),
            fc.constantFrom('', '\r', '\n', '\0', ' ', '\t', ':', ';', '0', '5', 'a', '\xff', '\r\n'),
            fc.nat(2),
          ),
          { maxLength: 4 },
        ),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 }),
        (parts, changes, sizes) => {
          let octets = parts.join('');
          for (const [place, text, gone] of changes) {
            const at = place % (octets.length + 1);
            octets = octets.slice(0, at) + text + octets.slice(at + gone);
          }
          let piece = 0;
          const whole = readRequests(latin1(octets));
          expect(readRequests(latin1(octets), () => sizes[piece++ % sizes.length] ?? 1)).toEqual(whole);
          expect(readRequests(latin1(octets), () => 1)).toEqual(whole);
        },
      ),
      { numRuns: 500 },
    );
  });
});
