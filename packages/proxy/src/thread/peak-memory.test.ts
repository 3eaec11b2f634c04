import { describe, expect, it } from 'vitest';
import { PEAK_LOOK } from '../limits.ts';
import { PeakWatch } from './peak-memory.ts';

const MIB = 1 << 20;

/** What a look finds: load, MiB of heap and of buffers, and milliseconds of the last interval in which the thread was busy. */
interface Look {
  readonly load: number;
  readonly heap?: number;
  readonly buffers?: number;
  readonly busy?: number;
}

/** Looks one after the other at a thread that began with nothing but 10 MiB; which of them, from 0, collected. */
function collections(looks: readonly Look[], { takes = 1, leaves = 10 } = {}): number[] {
  const now = { load: 0, heap: 10, buffers: 0, busy: 0 };
  const watch = new PeakWatch(
    {
      load: () => now.load,
      heap: () => now.heap * MIB,
      buffers: () => now.buffers * MIB,
      busy: () => now.busy,
    },
    0,
  );
  const collected: number[] = [];
  looks.forEach(({ load, heap = now.heap, buffers = 0, busy = 0 }, index) => {
    Object.assign(now, { load, heap, buffers, busy: now.busy + busy });
    watch.look((index + 1) * PEAK_LOOK, () => {
      collected.push(index);
      Object.assign(now, { heap: leaves, buffers: 0, busy: now.busy + takes });
    });
  });
  return collected;
}

describe('what a peak has left is collected', () => {
  it.each<[string, Look[], number[]]>([
    ['when the load falls no more', [{ load: 10_000, heap: 40 }, { load: 4_000 }, { load: 3 }, { load: 3 }], [3]],
    ['once', [{ load: 10_000, heap: 40 }, { load: 0 }, { load: 0 }, { load: 0 }, { load: 0 }], [2]],
    ['beside the load that is left', [{ load: 5_000 }, { load: 2_000 }, { load: 2_010, busy: 1_000 }], [2]],
    [
      'as soon as the thread is not busy any more',
      [{ load: 5_000 }, { load: 0 }, { load: 0, busy: 2_000 }, { load: 0 }],
      [3],
    ],
    ['when no look has seen the peak: the heap', [{ load: 0, heap: 18 }], [0]],
    ['when no look has seen the peak: buffers', [{ load: 0, buffers: 8 }], [0]],
    [
      'again after the next peak',
      [{ load: 1_000 }, { load: 0 }, { load: 0 }, { load: 1_000 }, { load: 0 }, { load: 0 }],
      [2, 5],
    ],
  ])('%s', (_, looks, expected) => {
    expect(collections(looks)).toEqual(expected);
  });

  it.each<[string, Look[]]>([
    ['while it lasts', [{ load: 10_000, heap: 40 }, { load: 10_000 }, { load: 6_000 }, { load: 6_000 }]],
    ['of ordinary ups and downs', [{ load: 900 }, { load: 0 }, { load: 0 }, { load: 900 }, { load: 0 }, { load: 0 }]],
    ['that grew less than is worth it', [{ load: 0, heap: 14, buffers: 3 }]],
    ['while the thread has something to do', [{ load: 0, heap: 30, busy: 200 }]],
    ['from a heap that would take too long', [{ load: 10_000, heap: 200 }, { load: 0 }, { load: 0 }]],
  ])('not %s', (_, looks) => {
    expect(collections(looks)).toEqual([]);
  });

  it('and what V8 has collected itself counts from there', () => {
    expect(
      collections([
        { load: 0, heap: 17 },
        { load: 0, heap: 6 },
        { load: 0, heap: 14 },
      ]),
    ).toEqual([2]);
  });

  it('with a rest that grows with what a collection takes', () => {
    const peaks = Array.from({ length: 60 }, (_, index) => ({ load: index % 3 === 0 ? 5_000 : 0 }));
    expect(collections(peaks, { takes: 1 }).length).toBe(20);
    const rare = collections(peaks, { takes: 100 });
    expect(rare.length).toBeGreaterThan(1);
    for (const [place, look] of rare.entries()) {
      if (place > 0) expect((look - (rare[place - 1] ?? 0)) * PEAK_LOOK).toBeGreaterThanOrEqual(50_000);
    }
  });
});
