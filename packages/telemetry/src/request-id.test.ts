import { randomFillSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { REQUEST_ID_CHARACTERS, REQUEST_ID_ENTROPY_BYTES } from './limits.ts';
import { RequestIds } from './request-id.ts';

describe('a new request id', () => {
  it('is a UUID of version 4 made of the random bytes', () => {
    const zeros = new RequestIds((bytes) => bytes.fill(0));
    expect(zeros.next()).toBe('00000000-0000-4000-8000-000000000000');
    const ones = new RequestIds((bytes) => bytes.fill(0xff));
    expect(ones.next()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
    let byte = 0;
    const counting = new RequestIds((bytes) => {
      for (const index of bytes.keys()) bytes[index] = byte++;
    });
    expect(counting.next()).toBe('00010203-0405-4607-8809-0a0b0c0d0e0f');
    expect(counting.next()).toBe('10111213-1415-4617-9819-1a1b1c1d1e1f');
  });

  it('is another each time, and random bytes are drawn in bulk', () => {
    let drawn = 0;
    const ids = new RequestIds((bytes) => {
      drawn += 1;
      randomFillSync(bytes);
    });
    const some = Array.from({ length: 1_000 }, () => ids.next());
    expect(new Set(some).size).toBe(1_000);
    for (const id of some) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(drawn).toBe(Math.ceil((1_000 * 16) / REQUEST_ID_ENTROPY_BYTES));
  });
});

describe('an id that came with the request', () => {
  const ids = new RequestIds((bytes) => bytes.fill(0));
  const fresh = ids.next();

  it.each(['a', 'f73a27b7-67c5-43ac-b4e0-00a474c4b422', '~!"{}', 'x'.repeat(REQUEST_ID_CHARACTERS)])(
    'stays: %s',
    (id) => {
      expect(ids.of(id)).toBe(id);
    },
  );

  it.each([undefined, '', 'a b', 'a\tb', 'a\nb', 'é', '\u0001', '\u007f', 'x'.repeat(REQUEST_ID_CHARACTERS + 1)])(
    'is replaced when it is not visible ASCII of some length: %j',
    (id) => {
      expect(ids.of(id)).toBe(fresh);
    },
  );
});
