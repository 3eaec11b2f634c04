import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ClusterLoad } from './cluster-load.ts';
import { allocateClusterMemory, Gauge } from './cluster-memory.ts';
import { threadEnded } from './thread-ended.ts';

describe('the places of a cluster', () => {
  it('are given out to the limit over all threads, and again when they are given back', () => {
    const memory = allocateClusterMemory(4, false);
    const threads = [0, 1, 2, 3].map((thread) => new ClusterLoad(memory, thread));
    const taken = Array.from({ length: 12 }, (_, at) => threads[at % 4]?.take(Gauge.requests, 10));
    expect(taken.filter(Boolean)).toHaveLength(10);
    threads[2]?.giveBack(Gauge.requests);
    expect(threads[3]?.take(Gauge.requests, 10)).toBe(true);
    expect(threads[0]?.take(Gauge.requests, 10)).toBe(false);
  });

  it('are counted apart by what they are for', () => {
    const load = new ClusterLoad(allocateClusterMemory(1, false), 0);
    expect(load.take(Gauge.connections, 1)).toBe(true);
    expect(load.take(Gauge.pending, 1)).toBe(true);
    expect(load.take(Gauge.connections, 1)).toBe(false);
  });

  it('are counted without a limit too, for the one who gets a limit later', () => {
    const load = new ClusterLoad(allocateClusterMemory(1, false), 0);
    for (let at = 0; at < 3; at++) load.take(Gauge.requests, 0);
    expect(load.take(Gauge.requests, 3)).toBe(false);
  });

  it('of a thread that has ended are free', () => {
    const memory = allocateClusterMemory(2, true);
    const [dead, alive] = [new ClusterLoad(memory, 0), new ClusterLoad(memory, 1)];
    dead.take(Gauge.connections, 2);
    alive.take(Gauge.connections, 2);
    expect(alive.take(Gauge.connections, 2)).toBe(false);
    threadEnded(memory, 0);
    expect([alive.sum(Gauge.connections), alive.take(Gauge.connections, 2)]).toEqual([1, true]);
  });

  it('are never more than the limit, with four threads that want them at once', async () => {
    const memory = allocateClusterMemory(4, false);
    const shared = new SharedArrayBuffer(16);
    const taken = await Promise.all(
      [0, 1, 2, 3].map(async (thread) => {
        const worker = new Worker(new URL('./test-load-worker.ts', import.meta.url), {
          workerData: { memory, thread, limit: 3, shared, rounds: 5_000 },
        });
        const [count] = (await once(worker, 'message')) as [number];
        await worker.terminate();
        return count;
      }),
    );
    const [inside, most] = new Int32Array(shared);
    expect(inside).toBe(0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
    expect(taken).toEqual([5_000, 5_000, 5_000, 5_000]);
    expect(new ClusterLoad(memory, 0).sum(Gauge.requests)).toBe(0);
  });
});
