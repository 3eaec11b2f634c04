import { describe, expect, it } from 'vitest';
import { ManualClock } from './clock.ts';
import { DrainTree } from './drain.ts';

describe('DrainTree', () => {
  it('closes the parts in reverse order of their start, once', async () => {
    const order: string[] = [];
    const tree = new DrainTree();
    for (const name of ['listener', 'pool', 'log']) {
      tree.add(name, { close: () => Promise.resolve(void order.push(name)), destroy: () => undefined });
    }
    await Promise.all([tree.close({ deadline: 10 }), tree.close({ deadline: 10 })]);
    expect(order).toEqual(['log', 'pool', 'listener']);
  });
});

describe('ManualClock', () => {
  it('runs due timers in order of time, also those set by timers', () => {
    const clock = new ManualClock(1_000);
    const seen: string[] = [];
    clock.setTimeout(() => seen.push(`b at ${clock.now()}`), 20);
    clock.setTimeout(() => {
      seen.push(`a at ${clock.now()}`);
      clock.setTimeout(() => seen.push(`c at ${clock.now()}`), 5);
    }, 10);
    clock.setTimeout(() => seen.push('never'), 15).cancel();
    clock.advance(30);
    expect(seen).toEqual(['a at 10', 'c at 15', 'b at 20']);
    expect(clock.wallTime()).toBe(1_030);
  });
});
