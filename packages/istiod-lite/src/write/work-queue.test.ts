import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { beforeEach, describe, expect, it } from 'vitest';
import { WRITES_AT_ONCE, WRITES_BURST, WRITES_PER_SECOND } from '../limits.ts';
import { Counters } from '../serve/counters.ts';
import { WorkQueue } from './work-queue.ts';

let clock: ManualClock;
let done: string[];
let reconcile: (key: string) => Promise<boolean>;
let queue: WorkQueue;

beforeEach(() => {
  clock = new ManualClock();
  done = [];
  reconcile = (key) => {
    done.push(key);
    return Promise.resolve(true);
  };
  queue = new WorkQueue({
    ...{ what: 'test', clock, log: createLogger('test', { level: 'silent' }), counters: new Counters() },
    random: () => 0.5,
    reconcile: (key) => reconcile(key),
  });
  queue.enable(true);
});

const settled = (): Promise<void> => new Promise((resume) => setImmediate(resume));

describe('a work queue', () => {
  it('does nothing until it is enabled, and forgets what waits when it is not any more', async () => {
    queue.enable(false);
    queue.add('a');
    queue.enable(true);
    await settled();
    expect(done).toEqual([]);
    queue.add('b');
    await settled();
    expect(done).toEqual(['b']);
  });

  it('does a thing again that changes while it is done, and never twice at a time', async () => {
    let running = 0;
    let most = 0;
    reconcile = async (key) => {
      most = Math.max(most, ++running);
      await settled();
      running--;
      done.push(key);
      return true;
    };
    queue.add('a');
    queue.add('a');
    queue.add('a');
    for (let turn = 0; turn < 6; turn++) await settled();
    expect(done).toEqual(['a', 'a']);
    expect(most).toBe(1);
  });

  it('does a few things at once', async () => {
    let running = 0;
    let most = 0;
    reconcile = async () => {
      most = Math.max(most, ++running);
      await settled();
      running--;
      return true;
    };
    for (let index = 0; index < 20; index++) queue.add(`k${index}`);
    for (let turn = 0; turn < 40; turn++) await settled();
    expect(most).toBe(WRITES_AT_ONCE);
  });

  it('writes no faster than a rate, and loses nothing', async () => {
    const wanted = WRITES_BURST + 2 * WRITES_PER_SECOND;
    for (let index = 0; index < wanted; index++) queue.add(`k${index}`);
    for (let turn = 0; turn < wanted; turn++) await settled();
    // Those that run at once are counted when they are done.
    expect(done.length).toBeLessThan(WRITES_BURST + WRITES_AT_ONCE);
    const before = done.length;
    for (let second = 0; second < 1_000; second += 50) {
      clock.advance(50);
      for (let turn = 0; turn < 4; turn++) await settled();
    }
    expect(done.length - before).toBeLessThanOrEqual(WRITES_PER_SECOND + WRITES_AT_ONCE);
    for (let tick = 0; tick < 60; tick++) {
      clock.advance(50);
      for (let turn = 0; turn < 4; turn++) await settled();
    }
    expect(new Set(done).size).toBe(wanted);
  });

  it('does not count what needed no writing', async () => {
    reconcile = (key) => {
      done.push(key);
      return Promise.resolve(false);
    };
    for (let index = 0; index < 10 * WRITES_BURST; index++) queue.add(`k${index}`);
    for (let turn = 0; turn < 10 * WRITES_BURST; turn++) await settled();
    expect(done.length).toBe(10 * WRITES_BURST);
  });

  it('tries again what failed, later each time, and other things meanwhile', async () => {
    let failing = true;
    reconcile = (key) => {
      done.push(key);
      return failing && key === 'bad' ? Promise.reject(new Error('no')) : Promise.resolve(true);
    };
    queue.add('bad');
    queue.add('good');
    await settled();
    expect(done).toEqual(['bad', 'good']);
    clock.advance(500);
    await settled();
    expect(done).toEqual(['bad', 'good', 'bad']);
    clock.advance(500);
    await settled();
    expect(done.length).toBe(3);
    failing = false;
    clock.advance(500);
    await settled();
    expect(done.length).toBe(4);
    clock.advance(600_000);
    await settled();
    expect(done.length).toBe(4);
  });

  it('lets what has begun end when it is closed', async () => {
    let end: () => void = () => undefined;
    reconcile = () =>
      new Promise((resolve) => {
        end = () => resolve(true);
      });
    queue.add('a');
    let closed = false;
    const closing = queue.close({ deadline: 1_000 }).then(() => {
      closed = true;
    });
    await settled();
    expect(closed).toBe(false);
    end();
    await closing;
  });
});
