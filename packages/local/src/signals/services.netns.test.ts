import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestShop } from './test-shop.ts';

const VISITS = 10;
const SECONDS = 4;

/** Requests that one visit makes. */
const CALLS = { catalog: 1, payments: 2, storefront: 1 } as const;

interface ServicePage {
  readonly seconds: number;
  readonly services: readonly {
    readonly service: string;
    readonly requestsPerSecond: number;
    readonly errorsPerSecond: number;
    /** Milliseconds. */
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  }[];
}

describe('/services of a running waypoint', () => {
  let shop: TestShop;

  beforeAll(async () => {
    shop = await TestShop.open();
  });
  afterAll(async () => {
    await shop.close();
  });

  it('tells rates, errors and percentiles of the requests that were made while it was asked', async () => {
    const asked = shop.waypoints().map((pod) => shop.admin(pod, `/services?seconds=${SECONDS}`));
    // Each waypoint has looked once before the first visit.
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let count = 0; count < VISITS; count += 1) expect(await shop.visit()).toMatchObject({ status: 200 });
    const pages = (await Promise.all(asked)).map((body) => JSON.parse(body) as ServicePage);
    expect(pages.length).toBeGreaterThan(0);

    for (const [name, calls] of Object.entries(CALLS)) {
      // The canary's route leads to the Services of each version.
      const hosts = [name, `${name}-v1`, `${name}-v2`].map((one) => `${one}.shop.svc.cluster.local`);
      const own = pages.flatMap(({ seconds, services }) =>
        services.flatMap((rates) => (hosts.includes(rates.service) ? [{ ...rates, seconds }] : [])),
      );
      const requests = own.reduce((sum, { requestsPerSecond, seconds }) => sum + requestsPerSecond * seconds, 0);
      expect([name, Math.round(requests)]).toEqual([name, calls * VISITS]);
      for (const { errorsPerSecond, requestsPerSecond, p50, p95, p99 } of own) {
        expect(errorsPerSecond).toBe(0);
        if (requestsPerSecond === 0) continue;
        expect(p50 ?? 0).toBeGreaterThan(0);
        expect(p95 ?? 0).toBeGreaterThanOrEqual(p50 ?? 0);
        expect(p99 ?? 0).toBeGreaterThanOrEqual(p95 ?? 0);
      }
    }
  });
});
