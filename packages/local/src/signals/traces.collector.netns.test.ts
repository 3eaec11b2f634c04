import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../bed/test-bed.ts';
import { sumOf } from '../start/exposition.ts';
import { COLLECTOR_HOST, COLLECTOR_PORTS, type CollectedSpan, TestCollector } from './test-collector.ts';
import { newTrace, TestShop } from './test-shop.ts';

const SERVER = 2;
const CLIENT = 3;

/** What a visit does: the storefront is asked, and asks the others, payments twice. Each request is tried once. */
const CALLS = ['catalog.shop', 'payments.shop', 'payments.shop', 'storefront.shop'];

/** Spans wait half a second for others. */
const COLLECTED_MS = 10_000;

/** A span of Zipkin has whole microseconds, and so many digits are left of a time in nanoseconds that is added up. */
const COUNTED_MS = 0.002;

const PROVIDERS = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    extensionProviders:
      - { name: otlp-http, opentelemetry: { service: ${COLLECTOR_HOST}, port: ${COLLECTOR_PORTS.otlpHttp}, http: { path: /v1/traces } } }
      - { name: otlp-grpc, opentelemetry: { service: ${COLLECTOR_HOST}, port: ${COLLECTOR_PORTS.otlpGrpc} } }
      - { name: zipkin, zipkin: { service: ${COLLECTOR_HOST}, port: ${COLLECTOR_PORTS.zipkin} } }
`;

/** Sampling is left to the visitor, so that a trace is whole or not there. */
const traced = (provider: string): string => `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: traces, namespace: shop }
spec: { tracing: [{ providers: [{ name: ${provider} }], randomSamplingPercentage: 0 }] }
`;

function milliseconds({ startTimeUnixNano, endTimeUnixNano }: CollectedSpan): number {
  return Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
}

describe('the shop, whose traces go to a collector of OpenTelemetry', () => {
  const directory = mkdtempSync(join(tmpdir(), 'collector-'));
  let shop: TestShop;
  let collector: TestCollector;

  beforeAll(async () => {
    shop = await TestShop.open();
    collector = await TestCollector.open(shop.bed, directory);
    shop.bed.apply('providers', PROVIDERS);
  });
  afterAll(async () => {
    await shop.close();
    rmSync(directory, { recursive: true });
  });

  /** Visits until a first span arrives: until then the waypoints do not know of the provider. */
  async function traceInForce(provider: string): Promise<void> {
    shop.bed.apply('traces', traced(provider));
    await eventually(
      `traces by ${provider}`,
      async () => {
        const trace = newTrace();
        await shop.visit(context(trace));
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return collector.spans(trace.traceId).length > 0;
      },
      30_000,
    );
  }

  function context({ traceId, spanId }: { traceId: string; spanId: string }): Record<string, string> {
    return { traceparent: `00-${traceId}-${spanId}-01`, 'x-request-id': `visit-${traceId.slice(0, 8)}` };
  }

  describe.each(['otlp-http', 'otlp-grpc', 'zipkin'])('by %s', (provider) => {
    beforeAll(async () => {
      await traceInForce(provider);
    });

    it('a visit is one trace with every hop of it, each below the one that caused it', async () => {
      const trace = newTrace();
      expect(await shop.visit(context(trace))).toMatchObject({ status: 200 });
      const spans = (): CollectedSpan[] => collector.spans(trace.traceId);
      await eventually('all spans', () => spans().length >= 2 * CALLS.length, COLLECTED_MS);

      const servers = spans().filter(({ kind }) => kind === SERVER);
      const clients = spans().filter(({ kind }) => kind === CLIENT);
      expect(servers.map(({ service }) => service).sort()).toEqual(CALLS);
      expect(clients.map(({ service }) => service).sort()).toEqual(CALLS);
      expect(new Set(spans().map(({ spanId }) => spanId)).size).toBe(2 * CALLS.length);

      // The visitor's span, the storefront's request, its try, and below that what the storefront asked.
      const [root, ...others] = servers.filter(({ service }) => service === 'storefront.shop');
      expect(others).toEqual([]);
      expect(root?.parentSpanId).toBe(trace.spanId);
      for (const client of clients) {
        const parent = servers.find(({ spanId }) => spanId === client.parentSpanId);
        expect(parent?.service).toBe(client.service);
        expect(milliseconds(client)).toBeLessThanOrEqual(milliseconds(parent ?? client));
      }
      const visited = clients.find(({ parentSpanId }) => parentSpanId === root?.spanId);
      for (const server of servers.filter((one) => one !== root)) expect(server.parentSpanId).toBe(visited?.spanId);
    });

    it('the log line, the trace and the metric of one request agree', async () => {
      const trace = newTrace();
      const before = await shop.metrics();
      await shop.visit(context(trace));
      const servers = (): CollectedSpan[] => collector.spans(trace.traceId).filter(({ kind }) => kind === SERVER);
      await eventually('all spans', () => servers().length === CALLS.length, COLLECTED_MS);
      const lines = shop.logged().filter(({ trace_id: id }) => id === trace.traceId);
      expect(lines).toHaveLength(CALLS.length);

      for (const span of servers()) {
        const { tags } = span;
        const same = lines.filter(({ path, authority }) => tags['http.url'] === `http://${authority}${path}`);
        expect(same).toHaveLength(1);
        const [line] = same;
        if (line === undefined) continue;
        expect(line.request_id).toBe(`visit-${trace.traceId.slice(0, 8)}`);
        expect(tags).toMatchObject({
          'guid:x-request-id': line.request_id,
          'http.status_code': String(line.response_code),
          response_flags: line.response_flags,
          response_size: String(line.bytes_sent),
        });
        // The log has whole milliseconds, cut off.
        expect(milliseconds(span) - line.duration).toBeGreaterThan(-COUNTED_MS);
        expect(milliseconds(span) - line.duration).toBeLessThan(1 + COUNTED_MS);
        expect(Number(BigInt(span.startTimeUnixNano) / 1_000_000n)).toBe(Date.parse(line.start_time));
      }

      const after = await shop.metrics();
      for (const name of ['catalog', 'payments', 'storefront']) {
        const own = lines.filter(({ authority }) => authority.split(':')[0] === name);
        const labels = {
          ...{ reporter: 'waypoint', response_flags: '-', response_code: '200' },
          destination_workload_namespace: 'shop',
          source_principal: `spiffe://cluster.local/ns/shop/sa/${name === 'storefront' ? 'visitor' : 'storefront'}`,
        };
        // The canary's route leads to the Services of each version.
        const grown = (family: string): number =>
          [name, `${name}-v1`, `${name}-v2`]
            .map((one) => ({ ...labels, destination_service_name: one }))
            .reduce((sum, one) => sum + sumOf(after, family, one) - sumOf(before, family, one), 0);
        expect(own.map(({ response_code: code, response_flags: flags }) => [code, flags])).toEqual(
          own.map(() => [200, '-']),
        );
        expect(grown('istio_requests_total')).toBe(own.length);
        expect(grown('istio_request_duration_milliseconds_count')).toBe(own.length);
        const spans = servers().filter(({ service }) => service === `${name}.shop`);
        const took = spans.reduce((sum, span) => sum + milliseconds(span), 0);
        const counted = grown('istio_request_duration_milliseconds_sum');
        expect(Math.abs(counted - took)).toBeLessThan(own.length * COUNTED_MS);
      }
    });
  });
});
