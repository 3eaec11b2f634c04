import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_NAMES } from '../bed/address-plan.ts';
import { TestShop } from './test-shop.ts';

const VISITS = 10;
/** Between the two looks of a page; requests of the bed are given up after five. */
const SECONDS = 4;
/** What is left of them before the first visit and after the last, milliseconds. */
const MARGIN = 500;
/** How often it is tried where the machine is too busy for so many visits in that time. */
const WINDOWS = 3;

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

interface ConnectionPage {
  readonly seconds: number;
  readonly services: readonly {
    readonly reporter: string;
    readonly destination: string;
    readonly openedPerSecond: number;
    readonly failedPerSecond: number;
    readonly sentBytesPerSecond: number;
  }[];
  readonly connectMilliseconds: readonly {
    readonly reporter: string;
    readonly p50: number | null;
    readonly p99: number | null;
  }[];
}

describe('/services', () => {
  let shop: TestShop;

  beforeAll(async () => {
    shop = await TestShop.open();
  });
  afterAll(async () => {
    await shop.close();
  });

  /** Pages of which both looks have all visits between them. */
  async function whileVisited<Page>(ask: (path: string) => Promise<string>[]): Promise<Page[]> {
    for (let window = 0; window < WINDOWS; window += 1) {
      const begun = performance.now();
      const asked = Promise.allSettled(ask(`/services?seconds=${SECONDS}`));
      // Each has looked once before the first visit.
      await new Promise((resolve) => setTimeout(resolve, MARGIN));
      for (let count = 0; count < VISITS; count += 1) expect(await shop.visit()).toMatchObject({ status: 200 });
      const isInTime = performance.now() - begun < SECONDS * 1_000 - MARGIN;
      const pages = (await asked).flatMap((page) => (page.status === 'fulfilled' ? [page.value] : []));
      if (isInTime && pages.length === (await asked).length) return pages.map((body) => JSON.parse(body) as Page);
    }
    throw new Error(`no page had ${VISITS} visits between its looks`);
  }

  it('of a running waypoint tells rates, errors and percentiles of the requests that were made while it was asked', async () => {
    const pages = await whileVisited<ServicePage>((path) => shop.waypoints().map((pod) => shop.admin(pod, path)));
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

  it('of a running node proxy tells connections, bytes and times of what pods of its node open and get', async () => {
    const pages = await whileVisited<ConnectionPage>((path) =>
      NODE_NAMES.map((name) => shop.bed.node(name).proxy.admin(path)),
    );

    // The visitor and the greeter's clients open a connection each time.
    for (const name of ['storefront', 'greeter']) {
      const own = pages.flatMap(({ seconds, services }) =>
        services
          .filter((one) => one.reporter === 'source' && one.destination === `${name}.shop.svc.cluster.local`)
          .map((one) => ({ ...one, seconds })),
      );
      const opened = own.reduce((sum, { openedPerSecond, seconds }) => sum + openedPerSecond * seconds, 0);
      const sent = own.reduce((sum, { sentBytesPerSecond }) => sum + sentBytesPerSecond, 0);
      const failed = own.reduce((sum, { failedPerSecond }) => sum + failedPerSecond, 0);
      expect([name, Math.round(opened), failed, sent > 0]).toEqual([name, VISITS, 0, true]);
    }
    const times = pages.flatMap(({ connectMilliseconds }) => connectMilliseconds);
    expect(times.some(({ reporter, p50, p99 }) => reporter === 'source' && p50 !== null && (p99 ?? 0) >= p50)).toBe(
      true,
    );
  });
});
