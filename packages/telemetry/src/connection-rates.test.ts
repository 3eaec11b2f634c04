import { describe, expect, it } from 'vitest';
import { connectionRates, connectTimes } from './connection-rates.ts';
import { CONNECT_SECONDS } from './families.ts';
import { Metrics } from './metrics.ts';
import { CART, spiffe, workload } from './test-traffic.ts';

function setUp() {
  const metrics = new Metrics();
  const { traffic } = metrics;
  const web = traffic.party(workload('web-1'), spiffe('web'));
  const cart = traffic.party(workload('cart-7'), spiffe('cart'));
  const nobody = traffic.party(undefined, undefined);
  return {
    metrics,
    toService: traffic.series('source', web, cart, CART, '-'),
    toPod: traffic.series('source', web, cart, undefined, '-'),
    refused: traffic.series('source', web, nobody, CART, 'CONNECT'),
    outside: traffic.series('source', web, nobody, undefined, '-'),
  };
}

describe('rates of connections', () => {
  it('are those between two looks, over all threads, by destination, the busiest first', () => {
    const [one, other] = [setUp(), setUp()];
    one.toService.opened = 1_000;
    one.toService.closed = 990;
    const before = [one.metrics.snapshot(), other.metrics.snapshot()];
    one.toService.opened += 20;
    other.toService.opened = 5;
    one.toService.closed += 25;
    one.toService.received = 1_000;
    one.toService.sent = 5_000;
    other.refused.opened = 5;
    other.refused.closed = 5;
    other.refused.failed = 5;
    other.toPod.opened = 10;
    one.outside.opened = 1;
    const rates = connectionRates(before, [one.metrics.snapshot(), other.metrics.snapshot()], 10);
    const nothing = { closedPerSecond: 0, failedPerSecond: 0, receivedBytesPerSecond: 0, sentBytesPerSecond: 0 };
    expect(rates).toEqual([
      {
        ...{ reporter: 'source', destination: CART.hostname, openedPerSecond: 3, closedPerSecond: 3 },
        ...{ failedPerSecond: 0.5, open: 10, receivedBytesPerSecond: 100, sentBytesPerSecond: 500 },
      },
      { ...nothing, reporter: 'source', destination: 'shop/cart', openedPerSecond: 1, open: 10 },
      { ...nothing, reporter: 'source', destination: 'unknown', openedPerSecond: 0.1, open: 1 },
    ]);
  });

  it('of a thread that was replaced are nothing, and not less', () => {
    const [one, other] = [setUp(), setUp()];
    one.toService.opened = 1_000;
    other.toService.opened = 1;
    const [rates] = connectionRates([one.metrics.snapshot()], [other.metrics.snapshot()], 1);
    expect(rates).toMatchObject({ openedPerSecond: 0, open: 1 });
  });
});

describe('times to connect', () => {
  it('are percentiles of what was reached between two looks', () => {
    const { metrics } = setUp();
    const times = metrics.histogram(CONNECT_SECONDS, 'source');
    for (let count = 0; count < 100; count += 1) times.observe(9);
    const before = [metrics.snapshot()];
    expect(connectTimes(before, [metrics.snapshot()])).toEqual([
      { reporter: 'source', p50: null, p95: null, p99: null },
    ]);
    for (let count = 0; count < 100; count += 1) times.observe(0.0005);
    const [{ p50, p99 } = { p50: null, p99: null }] = connectTimes(before, [metrics.snapshot()]);
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeGreaterThan(p50 ?? 0);
    expect(p99).toBeLessThanOrEqual(1);
  });
});
