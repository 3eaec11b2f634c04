import { describe, expect, it } from 'vitest';
import { RequestMetrics } from './request-metrics.ts';
import { NO_FLAGS } from './response-flag-set.ts';
import { serviceRates } from './service-rates.ts';
import { TrafficMetrics } from './traffic-metrics.ts';

const traffic = new TrafficMetrics();
const PARTY = traffic.party(undefined, undefined);
const CART = { name: 'cart', namespace: 'shop', hostname: 'cart.shop' };
const WEB = { name: 'web', namespace: 'shop', hostname: 'web.shop' };

function record(
  metrics: RequestMetrics,
  service: typeof CART,
  times: number,
  status: number,
  milliseconds: number,
  grpcStatus = -1,
): void {
  const series = metrics.series(PARTY, PARTY, service, 'http');
  for (let count = 0; count < times; count++) series.record(status, grpcStatus, NO_FLAGS, milliseconds, 0, 0);
}

describe('rates of services', () => {
  it('are those between two looks, over all threads, the busiest first', () => {
    const [one, other] = [new RequestMetrics(), new RequestMetrics()];
    record(one, CART, 1_000, 500, 1_000);
    const before = [one.snapshot(), other.snapshot()];
    record(one, CART, 80, 200, 20);
    record(other, CART, 10, 503, 20);
    record(other, CART, 5, 0, 200);
    record(other, CART, 5, 200, 200, 14);
    record(one, WEB, 10, 404, 3);
    const [cart, web] = serviceRates(before, [one.snapshot(), other.snapshot()], 10);
    expect(cart).toMatchObject({ service: 'cart.shop', requestsPerSecond: 10, errorsPerSecond: 2 });
    expect(web).toMatchObject({ service: 'web.shop', requestsPerSecond: 1, errorsPerSecond: 0 });
    // Of 90 between 10 and 25 ms the fiftieth; of 10 between 100 and 250 ms the fifth and the ninth.
    expect(cart?.p50).toBeCloseTo(10 + (15 * 50) / 90);
    expect(cart?.p95).toBeCloseTo(175);
    expect(cart?.p99).toBeCloseTo(235);
  });

  it('of a service without a request since have no durations', () => {
    const metrics = new RequestMetrics();
    record(metrics, CART, 3, 200, 5);
    const look = [metrics.snapshot()];
    expect(serviceRates(look, look, 5)).toEqual([
      { service: 'cart.shop', requestsPerSecond: 0, errorsPerSecond: 0, p50: null, p95: null, p99: null },
    ]);
  });

  it('never fall below nothing when a thread was replaced', () => {
    const [former, next] = [new RequestMetrics(), new RequestMetrics()];
    record(former, CART, 9, 500, 5);
    record(next, CART, 2, 200, 5);
    expect(serviceRates([former.snapshot()], [next.snapshot()], 1)[0]).toMatchObject({
      requestsPerSecond: 0,
      errorsPerSecond: 0,
    });
  });
});
