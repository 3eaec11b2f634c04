import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@ambit/core/clock';
import { siblingModule } from '@ambit/core/sibling-module';
import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { raiseEvent, openEvent, takeEvent } from '@ambit/native/eventfd';
import { recv, send } from '@ambit/native/socket';
import { LONGEST_WAIT_MS } from './limits.ts';
import { LoopControl } from './loop-channel.ts';
import type { ReadinessHandler } from './reactor.ts';
import { TestLoop } from './test-loop.ts';

let loop: TestLoop;
beforeEach(() => {
  loop = new TestLoop();
});
afterEach(() => {
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
});

function handler(onReady: (events: number) => void, destroy: () => void = () => undefined): ReadinessHandler {
  return { onReady, destroy };
}

function event(): number {
  const fd = openEvent();
  loop.reactor.adopt(fd);
  return fd;
}

describe('the loop', () => {
  it('tells a handler when its descriptor is ready, as long as it is', () => {
    const fd = event();
    let calls = 0;
    loop.reactor.register(
      fd,
      EPOLLIN,
      handler(() => (calls += 1)),
    );
    loop.reactor.runTurn(0);
    expect(calls).toBe(0);
    raiseEvent(fd);
    loop.reactor.runTurn(100);
    loop.reactor.runTurn(100);
    expect(calls).toBe(2);
    takeEvent(fd);
    loop.reactor.runTurn(0);
    expect(calls).toBe(2);
    loop.reactor.modify(fd, EPOLLIN | EPOLLOUT);
    loop.reactor.runTurn(100);
    expect(calls).toBe(3);
    loop.reactor.unregister(fd);
    loop.reactor.runTurn(0);
    expect(calls).toBe(3);
  });

  it('drops events of a descriptor that was closed in the same turn, even if its number is in use again', () => {
    const first = event();
    const second = event();
    raiseEvent(first);
    raiseEvent(second);
    const seen: string[] = [];
    const replaceOther = (own: string, other: number) => () => {
      seen.push(own);
      loop.reactor.close(other);
      const again = event();
      expect(again).toBe(other);
      loop.reactor.register(
        again,
        EPOLLIN,
        handler(() => seen.push('stale')),
      );
    };
    loop.reactor.register(first, EPOLLIN, handler(replaceOther('first', second)));
    loop.reactor.register(second, EPOLLIN, handler(replaceOther('second', first)));
    loop.reactor.runTurn(100);
    expect(seen.length).toBe(1);
    expect(seen).not.toContain('stale');
  });

  it('lets a handler that throws take down nothing but its own endpoint', () => {
    const bad = event();
    const good = event();
    raiseEvent(bad);
    raiseEvent(good);
    let destroyed = 0;
    let calls = 0;
    const destroy = (): void => {
      destroyed += 1;
      loop.reactor.close(bad);
    };
    loop.reactor.register(
      bad,
      EPOLLIN,
      handler(() => {
        throw new Error('a bug');
      }, destroy),
    );
    loop.reactor.register(
      good,
      EPOLLIN,
      handler(() => (calls += 1)),
    );
    loop.reactor.runTurn(100);
    loop.reactor.runTurn(100);
    expect([destroyed, calls]).toEqual([1, 2]);
    expect(loop.errors.map((error) => error.message)).toEqual(['a handler of the loop threw: a bug']);
    loop.errors.length = 0;
  });

  it('runs timers, deferred calls and flushes in that order, each once', () => {
    const order: string[] = [];
    const flushable = { flush: () => order.push('flush'), destroy: () => undefined };
    loop.reactor.after(0, () => {
      order.push('timer');
      loop.reactor.defer(() => {
        order.push('deferred');
        loop.reactor.flushLater(flushable);
      });
    });
    loop.until(() => order.length === 3);
    loop.pass(50);
    expect(order).toEqual(['timer', 'deferred', 'flush']);
  });

  it('is not kept in one turn by output that begets output', () => {
    let flushes = 0;
    const flushable = {
      flush: () => {
        flushes += 1;
        loop.reactor.flushLater(flushable);
      },
      destroy: () => undefined,
    };
    loop.reactor.flushLater(flushable);
    loop.reactor.runTurn(0);
    expect(flushes).toBe(1);
    const start = systemClock.now();
    loop.reactor.runTurn(500);
    expect(flushes).toBe(2);
    expect(systemClock.now() - start).toBeLessThan(250);
  });

  it('does not spin on a hang-up that nobody is interested in', () => {
    const [left, right] = loop.tcpPair();
    let calls = 0;
    loop.reactor.register(
      left,
      0,
      handler(() => (calls += 1)),
    );
    loop.reactor.close(right);
    loop.pass(50);
    expect(calls).toBeLessThanOrEqual(1);
    expect(recv(left, loop.reactor.scratch.address, 10)).toBe(0);
    expect(send(left, loop.reactor.scratch.address, 10)).toBe(10);
    loop.pass(50);
    // The answer to that was RST.
    expect(calls).toBeGreaterThanOrEqual(1);
    expect(calls).toBeLessThanOrEqual(3);
  });

  it('closes a descriptor once, however often it is asked', () => {
    const fd = event();
    loop.reactor.close(fd);
    const again = openEvent();
    expect(again).toBe(fd);
    loop.reactor.close(fd);
    expect(readdirSync('/proc/self/fd')).toContain(String(again));
    loop.reactor.adopt(again);
  });
});

describe('a loop on a worker thread', () => {
  function start(): { control: LoopControl; worker: Worker; messages: unknown[] } {
    const messages: unknown[] = [];
    const control = new LoopControl((message) => messages.push(message));
    const worker = new Worker(siblingModule(import.meta.url, './test-worker'), {
      workerData: control.channel,
      transferList: [control.channel.port],
    });
    return { control, worker, messages };
  }

  async function until(condition: () => boolean): Promise<void> {
    const end = systemClock.now() + 10_000;
    while (!condition()) {
      if (systemClock.now() > end) throw new Error(`not so: ${condition.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  const exit = (worker: Worker): Promise<number> => new Promise((resolve) => worker.once('exit', resolve));

  it('answers messages while it sits in a blocking wait, and stops when told', async () => {
    const { control, worker, messages } = start();
    await until(() => messages.includes('ready'));
    const ended = exit(worker);
    const started = systemClock.now();
    for (let count = 0; count < 100; count += 1) {
      control.post({ echo: count });
      await until(() => messages.length === count + 2);
    }
    // A wake-up that did not come would cost half a second each.
    expect(systemClock.now() - started).toBeLessThan(5000);
    expect(messages.at(-1)).toBe(99);
    const turns = control.turns();
    await until(() => control.turns() > turns);
    control.stop();
    expect(await ended).toBe(0);
    expect(control.reap()).toBeGreaterThan(0);
    expect(control.reap()).toBe(0);
  });

  it('handles a flood of messages completely and in order', async () => {
    const { control, worker, messages } = start();
    for (let count = 0; count < 1000; count += 1) control.post({ echo: count });
    await until(() => messages.length === 1001);
    expect(messages.slice(1)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    control.stop();
    await exit(worker);
    control.reap();
  });

  it('leaves nothing open when it is terminated in the middle', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const { control, worker, messages } = start();
    await until(() => messages.includes('ready'));
    control.post({ open: 50 });
    await until(() => messages.includes('opened'));
    expect(readdirSync('/proc/self/fd').length).toBeGreaterThan(before + 50);
    await worker.terminate();
    expect(control.reap()).toBeGreaterThanOrEqual(51);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });

  it('does not keep a process alive whose main thread ends', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      import(${JSON.stringify(new URL('./loop-channel.ts', import.meta.url).href)}).then(({ LoopControl }) => {
        const control = new LoopControl(() => setTimeout(() => { console.log('leaving'); process.exit(3); }, 50));
        new Worker(new URL(${JSON.stringify(siblingModule(import.meta.url, './test-worker').href)}), {
          workerData: control.channel,
          transferList: [control.channel.port],
        });
      });`;
    const child = spawn(process.execPath, ['--conditions=development', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const left = systemClock.now();
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(3);
    expect(systemClock.now() - left).toBeLessThan(2 * LONGEST_WAIT_MS);
  });
});
