import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { DescriptorBudget } from '@ambit/reactor/descriptor-budget';
import { DescriptorCounts } from '@ambit/reactor/descriptor-counts';
import { Metrics } from '@ambit/telemetry/metrics';
import { beforeEach, describe, expect, it } from 'vitest';
import { DescriptorWatch } from './descriptor-watch.ts';
import { DESCRIPTOR_LOG_INTERVAL, DESCRIPTOR_LOOK } from './limits.ts';

describe('the watch over descriptors', () => {
  let clock: ManualClock;
  let lines: { level: string; fields: Record<string, unknown>; text: string }[];
  let budget: DescriptorBudget;
  let watch: DescriptorWatch;
  let limit: number;
  /** Open for anything but connections. */
  let others: number;
  let pods: { name: string; descriptors: SharedArrayBuffer }[];

  beforeEach(() => {
    clock = new ManualClock();
    lines = [];
    limit = 1_000;
    others = 100;
    pods = ['shop/web', 'shop/cart'].map((name) => ({ name, descriptors: DescriptorCounts.allocate(2) }));
    const memory = DescriptorBudget.allocate(2);
    budget = new DescriptorBudget(memory);
    const write = (level: string) => (fields: Record<string, unknown>, text: string) => {
      lines.push({ level, fields, text });
    };
    watch = new DescriptorWatch({
      ...{
        clock,
        memory,
        metrics: new Metrics(),
        log: { warn: write('warn'), info: write('info') } as unknown as Logger,
      },
      ...{ openFileLimit: () => limit, openDescriptors: () => others + budget.counts.held, owners: () => pods },
    });
    watch.start();
  });

  const account = (pod = 0): ReturnType<DescriptorBudget['account']> =>
    budget.account(0, new DescriptorCounts(pods[pod]?.descriptors ?? new SharedArrayBuffer(0)));

  it.each([
    { name: 'a quarter of a small limit is kept', limit: 1_000, others: 100, room: 650 },
    { name: 'of a large one no more than the reserve', limit: 100_000, others: 1_000, room: 94_904 },
    { name: 'a process that has hardly any left gives connections half of that', limit: 1_000, others: 900, room: 50 },
    { name: 'one that has none left gives them none', limit: 1_000, others: 1_000, room: 0 },
  ])('$name', ({ room, ...given }) => {
    ({ limit, others } = given);
    clock.advance(DESCRIPTOR_LOOK);
    expect(budget.room).toBe(room);
    // What connections hold is not counted twice.
    for (let count = 0; count < 40; count += 1) account().taken();
    clock.advance(DESCRIPTOR_LOOK);
    expect(budget.room).toBe(room);
  });

  it('says once a minute who holds how many, and when it is over', () => {
    const [web, cart] = [account(0), account(1)];
    for (let count = 0; count < 7; count += 1) web.taken();
    cart.taken();
    clock.advance(DESCRIPTOR_LOOK);
    expect(lines).toEqual([]);
    web.waits();
    for (let count = 0; count < 1_000; count += 1) web.refusal();
    clock.advance(DESCRIPTOR_LOG_INTERVAL - DESCRIPTOR_LOOK);
    expect(lines.map(({ level, fields }) => ({ level, fields }))).toEqual([
      {
        level: 'warn',
        fields: {
          ...{ held: 8, room: 650, limit: 1_000, waitingListeners: 1, refused: 1_000 },
          most: ['shop/web: 7', 'shop/cart: 1'],
        },
      },
    ]);
    clock.advance(2 * DESCRIPTOR_LOOK);
    expect(lines).toHaveLength(2);
    expect(lines[1]?.fields['refused']).toBe(0);
    web.waitsNoMore();
    clock.advance(DESCRIPTOR_LOG_INTERVAL + DESCRIPTOR_LOOK);
    expect(lines.slice(2).map(({ text }) => text)).toEqual(['descriptors are free again']);
    clock.advance(10 * DESCRIPTOR_LOG_INTERVAL);
    expect(lines).toHaveLength(3);
  });

  it('forgets what a thread held that has ended', () => {
    account().taken();
    account().waits();
    budget.account(1).taken();
    watch.threadEnded(0);
    expect(budget.counts).toMatchObject({ held: 1, waiting: 0 });
    expect(new DescriptorCounts(pods[0]?.descriptors ?? new SharedArrayBuffer(0))).toMatchObject({
      held: 0,
      waiting: 0,
    });
  });
});
