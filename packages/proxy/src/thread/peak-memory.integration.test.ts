import { PairPool } from '@ambit/reactor/pair-pool';
import { TestLoop } from '@ambit/reactor/test-loop';
import { afterAll, describe, expect, it } from 'vitest';
import { collectPeak } from './peak-memory.ts';

const loop = new TestLoop();
afterAll(() => {
  loop.reactor.dispose();
});

/** Connections of a peak that all send at once, and end. */
function peak(connections: number): void {
  const { buffers } = loop.reactor;
  const pairs = PairPool.of(loop.reactor);
  const each = Array.from({ length: connections }, () => {
    const holder = { dropIdlePair: (): void => undefined };
    return { holder, pair: pairs.lend(holder), small: buffers.lend(1), large: buffers.lend() };
  });
  for (const { holder, pair, small, large } of each) {
    pairs.giveBack(holder, pair, true);
    buffers.giveBack(small);
    buffers.giveBack(large);
  }
}

describe('what a peak has left on a data thread', () => {
  it('is given back: buffers, pairs and what was dropped', () => {
    const { reactor } = loop;
    const pairs = PairPool.of(reactor);
    collectPeak(reactor);
    const before = process.memoryUsage().arrayBuffers;
    const objects = reactor.ledger.size().objects;
    peak(200);
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(200 * 262_144);
    expect(reactor.buffers.free).toBeGreaterThan(100);
    expect(pairs.free).toBeGreaterThan(10);

    collectPeak(reactor);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    expect(reactor.buffers.free).toBe(0);
    expect(pairs.free).toBe(0);
    expect(reactor.ledger.size().objects).toBe(objects);
  });

  it('and what is in use is left alone', () => {
    const { reactor } = loop;
    const memory = reactor.buffers.lend();
    memory.bytes.fill(7);
    collectPeak(reactor);
    expect(memory.bytes.every((octet) => octet === 7)).toBe(true);
    expect(reactor.buffers.lent).toBe(1);
  });
});
