import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FetchQueue } from './fetch-queue.ts';

class Jobs {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();

  job(name: string): () => Promise<void> {
    return () => {
      this.started.push(name);
      return new Promise((resolve) => this.#ends.set(name, resolve));
    };
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await setImmediate();
  }
}

describe('FetchQueue', () => {
  it('runs the urgent before the rest, the earliest first, never more than its limit', async () => {
    const queue = new FetchQueue(2);
    const jobs = new Jobs();
    queue.add('a', 'background', jobs.job('a'));
    queue.add('b', 'background', jobs.job('b'));
    queue.add('c', 'background', jobs.job('c'));
    queue.add('d', 'warmup', jobs.job('d'));
    queue.add('e', 'realtime', jobs.job('e'));
    queue.add('f', 'realtime', jobs.job('f'));
    expect(jobs.started).toEqual(['a', 'b']);
    for (const name of ['a', 'b', 'e', 'f']) await jobs.end(name);
    expect(jobs.started).toEqual(['a', 'b', 'e', 'f', 'd', 'c']);
  });

  it('keeps one job per key and only ever raises its priority', async () => {
    const queue = new FetchQueue(1);
    const jobs = new Jobs();
    queue.add('busy', 'warmup', jobs.job('busy'));
    queue.add('x', 'background', jobs.job('x'));
    queue.add('y', 'warmup', jobs.job('y'));
    queue.add('x', 'realtime', jobs.job('x raised'));
    queue.add('x', 'background', jobs.job('x again'));
    expect(queue.length).toBe(2);
    await jobs.end('busy');
    await jobs.end('x raised');
    expect(jobs.started).toEqual(['busy', 'x raised', 'y']);
  });

  it('forgets what is removed while it waits', async () => {
    const queue = new FetchQueue(1);
    const jobs = new Jobs();
    queue.add('busy', 'warmup', jobs.job('busy'));
    queue.add('x', 'warmup', jobs.job('x'));
    queue.remove('x');
    await jobs.end('busy');
    expect(jobs.started).toEqual(['busy']);
  });
});
