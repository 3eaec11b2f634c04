import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { assert, integer, property, record, array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocateBuckets, bucketsInUse, LOCK, makerEnded } from './bucket-memory.ts';
import { type KeyFingerprint, KeyHash } from './key-hash.ts';
import { type BucketSize, TokenBuckets } from './token-buckets.ts';

const SECRET = [0x1234, 0x5678] as const;
const hash = new KeyHash(...SECRET);

function key(value: string | undefined): KeyFingerprint {
  hash.begin();
  hash.add(value, 1_024);
  return { ...hash.end() };
}

/** Buckets for as many values, seen by as many threads, under a time that the test turns. */
function bucketsOf(size: BucketSize, keys = 8, threads = 1): { buckets: TokenBuckets[]; time: { now: number } } {
  const time = { now: 5_000 };
  const memory = allocateBuckets({ keys, now: time.now, secret: SECRET });
  const buckets = Array.from({ length: threads }, (_, at) => new TokenBuckets(memory, at, size, () => time.now));
  return { buckets, time };
}

describe('a token bucket', () => {
  it('admits a burst, refuses until a token is back, and says when', () => {
    const { buckets, time } = bucketsOf({ burst: 3, requests: 2, intervalMs: 1_000 });
    const take = (): unknown[] => {
      const taken = buckets[0]?.take(key('a'));
      return [taken?.admitted, taken?.remaining, taken?.retryAfterMs, taken?.fullInMs];
    };
    expect([take(), take(), take(), take()]).toEqual([
      [true, 2, 0, 500],
      [true, 1, 0, 1_000],
      [true, 0, 0, 1_500],
      [false, 0, 500, 1_500],
    ]);
    time.now += 499;
    expect(take()[0]).toBe(false);
    time.now += 1;
    expect(take()).toEqual([true, 0, 0, 1_500]);
    time.now += 60_000;
    expect(take()).toEqual([true, 2, 0, 500]);
  });

  it('is looked at without a token being taken', () => {
    const { buckets } = bucketsOf({ burst: 1, requests: 1, intervalMs: 1_000 });
    expect([buckets[0]?.look(key('a')).admitted, buckets[0]?.look(key('a')).admitted]).toEqual([true, true]);
    buckets[0]?.take(key('a'));
    expect(buckets[0]?.look(key('a'))).toMatchObject({ admitted: false, retryAfterMs: 1_000 });
  });

  it('is one for each value, and one more for requests that have none', () => {
    const { buckets } = bucketsOf({ burst: 1, requests: 1, intervalMs: 1_000 });
    const admitted = ['a', 'b', '', undefined, 'a', 'b', '', undefined].map(
      (one) => buckets[0]?.take(key(one)).admitted,
    );
    expect(admitted).toEqual([true, true, true, true, false, false, false, false]);
  });

  it('is one for all without a key', () => {
    const { buckets } = bucketsOf({ burst: 1, requests: 1, intervalMs: 1_000 }, 0);
    expect(['a', 'b'].map((one) => buckets[0]?.take(key(one)).admitted)).toEqual([true, false]);
  });

  it('never admits more than its burst and what has come back, whoever asks and whenever', () => {
    const asked = array(record({ thread: integer({ min: 0, max: 3 }), wait: integer({ min: 0, max: 400 }) }), {
      maxLength: 200,
    });
    const sizes = record({
      burst: integer({ min: 1, max: 20 }),
      requests: integer({ min: 1, max: 1_000 }),
      intervalMs: integer({ min: 1, max: 10_000 }),
    });
    assert(
      property(sizes, asked, (size, steps) => {
        const { buckets, time } = bucketsOf(size, 1, 4);
        const times: number[] = [];
        for (const { thread, wait } of steps) {
          time.now += wait;
          if (buckets[thread]?.take(key('a')).admitted === true) times.push(time.now);
        }
        // In every stretch of time, not only from the beginning.
        return times.every((from, first) =>
          times
            .slice(first)
            .every((to, further) => further + 1 <= size.burst + ((to - from) * size.requests) / size.intervalMs),
        );
      }),
    );
  });

  it('does admit what it may', () => {
    const { buckets, time } = bucketsOf({ burst: 10, requests: 100, intervalMs: 1_000 }, 1, 4);
    let admitted = 0;
    for (let at = 0; at < 10_000; at++) {
      time.now += 1;
      if (buckets[at % 4]?.take(key('a')).admitted === true) admitted++;
    }
    expect(admitted).toBeGreaterThanOrEqual(1_000);
    expect(admitted).toBeLessThanOrEqual(1_010);
  });
});

describe('the buckets of a rule', () => {
  const SIZE: BucketSize = { burst: 2, requests: 1, intervalMs: 1_000 };

  it.each([1, 7, 64, 1_000])('are at least as many as were asked for (%d)', (keys) => {
    const { buckets } = bucketsOf(SIZE, keys);
    for (let round = 0; round < 2; round++) {
      for (let value = 0; value < keys; value++) {
        expect(buckets[0]?.take(key(`v${value}`))).toMatchObject({ admitted: true, shared: false });
      }
    }
    for (let value = 0; value < keys; value++) expect(buckets[0]?.take(key(`v${value}`)).admitted).toBe(false);
  });

  it('run out under ever new values: those share one, and nobody gets a full one back', () => {
    const { buckets } = bucketsOf(SIZE, 8);
    buckets[0]?.take(key('victim'));
    buckets[0]?.take(key('victim'));
    let admitted = 0;
    let shared = 0;
    for (let value = 0; value < 10_000; value++) {
      const taken = buckets[0]?.take(key(`new ${value}`));
      if (taken?.admitted === true) admitted++;
      if (taken?.shared === true) shared++;
    }
    // 16 buckets, each new one for one request, and one burst for all others.
    expect(admitted).toBeLessThanOrEqual(16 + 2);
    expect(shared).toBeGreaterThanOrEqual(10_000 - 16);
    expect(buckets[0]?.take(key('victim')).admitted).toBe(false);
  });

  it('go to other values when they are full again', () => {
    const time = { now: 0 };
    const memory = allocateBuckets({ keys: 8, now: 0, secret: SECRET });
    const buckets = new TokenBuckets(memory, 0, SIZE, () => time.now);
    for (let value = 0; value < 1_000; value++) {
      if (value % 8 === 0) time.now += 1_000;
      expect(buckets.take(key(`new ${value}`))).toMatchObject({ admitted: true, shared: false });
    }
    expect(bucketsInUse(memory, time.now)).toEqual({ inUse: 8, buckets: 16 });
    expect(bucketsInUse(memory, time.now + 1_000)).toEqual({ inUse: 0, buckets: 16 });
  });

  it('go on being made after a thread has died while it made one, and are shared until then', () => {
    const memory = allocateBuckets({ keys: 8, now: 0, secret: SECRET });
    const alive = new TokenBuckets(memory, 0, SIZE, () => 0);
    new Int32Array(memory)[LOCK] = 3;
    expect(alive.take(key('a'))).toMatchObject({ admitted: true, shared: true });
    makerEnded(memory, 1);
    expect(alive.take(key('b'))).toMatchObject({ shared: true });
    makerEnded(memory, 2);
    expect(alive.take(key('b'))).toMatchObject({ admitted: true, shared: false });
  });

  /** What four threads got of each value, that ask for it as often as this. */
  async function raced(
    size: BucketSize,
    keys: number,
    { values = 1, rounds = 1, inStep = false, threads = 4 },
  ): Promise<{ admitted: number[]; milliseconds: number }> {
    const memory = allocateBuckets({ keys, now: Number(process.hrtime.bigint()) / 1e6, secret: SECRET });
    const shared = new SharedArrayBuffer(4);
    const results = await Promise.all(
      Array.from({ length: threads }, async (_, thread) => {
        const worker = new Worker(new URL('./test-bucket-worker.ts', import.meta.url), {
          workerData: { memory, thread, threads, size, values, rounds, inStep, allShared: keys === 0, shared },
        });
        const [result] = (await once(worker, 'message')) as [{ admitted: number[]; begin: number; end: number }];
        await worker.terminate();
        return result;
      }),
    );
    const milliseconds = Math.max(...results.map(({ end }) => end)) - Math.min(...results.map(({ begin }) => begin));
    const sums = Array.from({ length: values }, (_, value) => {
      return results.reduce((sum, { admitted }) => sum + (admitted[value] ?? 0), 0);
    });
    return { admitted: sums, milliseconds };
  }

  const HOUR = 3_600_000;
  it.each([
    ['of the one value', 1, 1],
    ['of each of some', 8, 8],
    ['of all together', 0, 1],
  ])('give out exactly what they hold %s, to four threads that want it at once', async (_, keys, values) => {
    const burst = 60_000 / values;
    const { admitted } = await raced({ burst, requests: 1, intervalMs: HOUR / 100 }, keys, { values, rounds: burst });
    // Less than one token comes back meanwhile.
    for (const count of admitted) expect(count).toBe(burst);
  });

  it('are one for each value, whichever of two threads makes it', async () => {
    const [values, size] = [500, { burst: 1, requests: 1, intervalMs: HOUR }];
    const { admitted } = await raced(size, values, { values, inStep: true, threads: 2 });
    expect(admitted).toEqual(Array.from({ length: values }, () => 1));
  });

  it('give out no more than comes back meanwhile', async () => {
    const size: BucketSize = { burst: 50, requests: 5_000, intervalMs: 1_000 };
    const { admitted, milliseconds } = await raced(size, 4, { values: 4, rounds: 40_000 });
    const most = size.burst + (milliseconds * size.requests) / size.intervalMs;
    for (const count of admitted) {
      expect(count).toBeLessThanOrEqual(most);
      expect(count).toBeGreaterThan(size.burst);
    }
  });
});

describe('the hash of a key', () => {
  it('tells parts apart by where they end', () => {
    const of = (...parts: (string | undefined)[]): string => {
      hash.begin();
      for (const part of parts) hash.add(part, 1_024);
      const { high, low } = hash.end();
      return `${high} ${low}`;
    };
    const keys = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['abc', undefined], [undefined, 'abc'], [], ['']];
    expect(new Set(keys.map((parts) => of(...parts))).size).toBe(keys.length);
  });

  it('is another one under another secret, and has no two alike among a hundred thousand', () => {
    const other = new KeyHash(1, 2);
    other.begin();
    other.add('a', 64);
    expect({ ...other.end() }).not.toEqual(key('a'));
    const seen = new Set<string>();
    for (let at = 0; at < 100_000; at++) {
      const { high, low } = key(`10.0.${at}`);
      seen.add(`${high} ${low}`);
    }
    expect(seen.size).toBe(100_000);
  });
});
