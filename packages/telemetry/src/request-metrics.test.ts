import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricsAggregate } from './aggregate.ts';
import { renderMetrics } from './exposition.ts';
import { EXPIRE_AFTER_MILLISECONDS, OUTCOMES_PER_SERIES, REQUEST_OUTCOMES } from './limits.ts';
import { REQUEST_BUCKETS, REQUEST_FAMILIES } from './request-families.ts';
import { REQUEST_LABELS } from './request-labels.ts';
import { RequestMetrics } from './request-metrics.ts';
import { NO_GRPC_STATUS } from './request-series.ts';
import { requestSamples } from './request-snapshot.ts';
import { flagSet, NO_FLAGS } from './response-flag-set.ts';
import type { Sample } from './snapshot.ts';
import { CART, spiffe, workload } from './test-traffic.ts';
import { TRAFFIC_LABELS } from './traffic-labels.ts';
import { TrafficMetrics } from './traffic-metrics.ts';

const traffic = new TrafficMetrics();
const web = traffic.party(workload('web-1'), spiffe('web'));
const cart = traffic.party(workload('cart-7'), spiffe('cart'));
const nobody = traffic.party(undefined, undefined);

/** As at a scrape: each thread's counters, sent to the main thread, added up, as text. */
function scrape(...threads: readonly RequestMetrics[]): string[] {
  const aggregate = new MetricsAggregate(REQUEST_FAMILIES);
  for (const [index, metrics] of threads.entries())
    aggregate.update(String(index), requestSamples(structuredClone(metrics.snapshot())));
  return renderMetrics(aggregate.collect()).split('\n');
}

function samplesOf(metrics: RequestMetrics, name: string): readonly Sample[] {
  return requestSamples(metrics.snapshot()).find((family) => family.name === name)?.samples ?? [];
}

function onlySample(metrics: RequestMetrics, name: string): Sample {
  const [sample, ...others] = samplesOf(metrics, name);
  expect(others).toEqual([]);
  return sample ?? { labels: [], values: [] };
}

/** Requests by status, gRPC status and flags. */
function requests(metrics: RequestMetrics): Record<string, number> {
  return Object.fromEntries(
    samplesOf(metrics, 'istio_requests_total').map(({ labels, values }) => [
      [labels[1], ...labels.slice(21, 24)].join(' '),
      values[0] ?? 0,
    ]),
  );
}

describe('a request', () => {
  it('is counted under Istio’s labels', () => {
    const metrics = new RequestMetrics();
    metrics.series(web, cart, CART, 'http').record(503, NO_GRPC_STATUS, flagSet('URX', 'UF'), 3, 100, 20);
    const { labels, values } = onlySample(metrics, 'istio_requests_total');
    expect(values).toEqual([1]);
    expect(REQUEST_LABELS.map((label, index) => `${label}=${labels[index] ?? 'none'}`)).toEqual([
      'reporter=waypoint',
      'source_workload=web',
      'source_canonical_service=web-app',
      'source_canonical_revision=v1',
      'source_workload_namespace=shop',
      'source_principal=spiffe://cluster.local/ns/shop/sa/web',
      'source_app=web-app',
      'source_version=v1',
      'source_cluster=Kubernetes',
      'destination_workload=cart',
      'destination_workload_namespace=shop',
      'destination_principal=spiffe://cluster.local/ns/shop/sa/cart',
      'destination_app=cart-app',
      'destination_version=v1',
      'destination_service=cart.shop.svc.cluster.local',
      'destination_canonical_service=cart-app',
      'destination_canonical_revision=v1',
      'destination_service_name=cart',
      'destination_service_namespace=shop',
      'destination_cluster=Kubernetes',
      'request_protocol=http',
      'response_code=503',
      'grpc_response_status=',
      'response_flags=UF,URX',
      'connection_security_policy=mutual_tls',
    ]);
  });

  it('shows in counters and histograms, added up over threads', () => {
    const threads = [new RequestMetrics(), new RequestMetrics()];
    for (const metrics of threads) {
      const series = metrics.series(web, cart, CART, 'grpc');
      series.record(200, 0, NO_FLAGS, 0.4, 150, 2_000);
      series.record(200, 0, NO_FLAGS, 70, 150, 4_000_000);
      series.record(200, 14, NO_FLAGS, 7, 150, 60);
      series.requestMessages += 2;
      series.responseMessages += 3;
    }
    const lines = scrape(...threads);
    const find = (start: string, part: string) =>
      lines.filter((line) => line.startsWith(`${start}{`) && line.includes(part)).map((line) => line.split(' ').at(-1));
    expect(find('istio_requests_total', 'grpc_response_status="0"')).toEqual(['4']);
    expect(find('istio_requests_total', 'grpc_response_status="14"')).toEqual(['2']);
    expect(find('istio_request_messages_total', '')).toEqual(['4']);
    expect(find('istio_response_messages_total', '')).toEqual(['6']);
    const of = (name: string) => (part: string) => find(name, part).slice(0, 1);
    const bucket = of('istio_request_duration_milliseconds_bucket');
    expect(bucket('le="0.5"')).toEqual(['2']);
    expect(bucket('le="50.0"')).toEqual(['2']);
    expect(bucket('le="100.0"')).toEqual(['4']);
    expect(bucket('le="+Inf"')).toEqual(['4']);
    expect(of('istio_request_duration_milliseconds_sum')('')).toEqual(['140.8']);
    expect(of('istio_request_duration_milliseconds_count')('')).toEqual(['4']);
    expect(of('istio_request_bytes_sum')('')).toEqual(['600']);
    expect(of('istio_response_bytes_bucket')('le="3600000.0"')).toEqual(['2']);
    expect(of('istio_response_bytes_sum')('')).toEqual(['8004000']);
    expect(lines).toContain('# TYPE istio_request_duration_milliseconds histogram');
    expect(lines).toContain('# TYPE istio_requests counter');
    // Per outcome a line for the count, and for each histogram its buckets, the one above, count and sum.
    expect(lines.filter((line) => line.includes('grpc_response_status="0"'))).toHaveLength(
      1 + 3 * (REQUEST_BUCKETS.length + 3),
    );
  });

  it('falls into the buckets that a plain search finds', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 5e6, noNaN: true }), { minLength: 1 }), (durations) => {
        const metrics = new RequestMetrics();
        const series = metrics.series(web, cart, CART, 'http');
        for (const duration of durations) series.record(200, NO_GRPC_STATUS, NO_FLAGS, duration, 0, 0);
        const { values } = onlySample(metrics, 'istio_request_duration_milliseconds');
        let below = 0;
        for (const [index, bound] of REQUEST_BUCKETS.entries()) {
          below += values[index] ?? 0;
          expect(below).toBe(durations.filter((duration) => duration <= bound).length);
        }
        expect(values.at(-1)).toBe(durations.reduce((sum, duration) => sum + duration, 0));
      }),
    );
  });

  it('without an endpoint has no destination and is mutual TLS still', () => {
    const metrics = new RequestMetrics();
    metrics.series(web, nobody, CART, 'http').record(404, NO_GRPC_STATUS, flagSet('NR'), 1, 100, 20);
    const { labels } = onlySample(metrics, 'istio_requests_total');
    expect(labels[9]).toBe('unknown');
    expect(labels[14]).toBe('cart.shop.svc.cluster.local');
    expect(labels.at(-1)).toBe('mutual_tls');
  });

  it('has a gRPC status that gRPC knows', () => {
    const metrics = new RequestMetrics();
    const series = metrics.series(web, cart, CART, 'grpc');
    for (const status of [16, 17, 99, NO_GRPC_STATUS]) series.record(200, status, NO_FLAGS, 1, 1, 1);
    expect(requests(metrics)).toEqual({ 'web 200 16 -': 1, 'web 200 2 -': 2, 'web 200  -': 1 });
  });
});

describe('a series', () => {
  it('is one for the same ends, service and protocol', () => {
    const metrics = new RequestMetrics();
    const series = metrics.series(web, cart, CART, 'http');
    expect(metrics.series(web, cart, { ...CART }, 'http')).toBe(series);
    expect(metrics.series(web, cart, CART, 'grpc')).not.toBe(series);
    expect(metrics.series(web, cart, undefined, 'http')).not.toBe(series);
    expect(metrics.series(cart, web, CART, 'http')).not.toBe(series);
  });

  it('counts outcomes of which there are many by the hundreds of their status', () => {
    const metrics = new RequestMetrics();
    const series = metrics.series(web, cart, CART, 'http');
    for (let status = 100; status < 1_000; status += 1) series.record(status, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
    const counts = requests(metrics);
    expect(Object.keys(counts).length).toBeLessThan(OUTCOMES_PER_SERIES + 10);
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(900);
    expect(counts['web 900  -']).toBe(100);
  });
});

describe('too many series', () => {
  it('are counted without their ends, and nothing is lost', () => {
    const metrics = new RequestMetrics();
    const parties = Array.from({ length: REQUEST_OUTCOMES + 100 }, (_, index) =>
      traffic.party(workload('w', { workloadName: `w${index}` }), undefined),
    );
    for (const party of parties)
      metrics.series(party, cart, CART, 'http').record(200, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
    metrics.series(web, cart, CART, 'http').record(503, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
    const counts = requests(metrics);
    expect(Object.keys(counts)).toHaveLength(REQUEST_OUTCOMES + 2);
    expect(counts).toMatchObject({ 'w0 200  -': 1, 'unknown 200  -': 100, 'unknown 503  -': 1 });
  });

  it('are bounded by outcomes too', () => {
    const metrics = new RequestMetrics();
    for (let index = 0; index < 100; index += 1) {
      const party = traffic.party(workload('w', { workloadName: `w${index}` }), undefined);
      const series = metrics.series(party, cart, CART, 'http');
      for (let status = 200; status < 240; status += 1) series.record(status, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
    }
    const counts = requests(metrics);
    expect(Object.keys(counts).length).toBeLessThanOrEqual(REQUEST_OUTCOMES + OUTCOMES_PER_SERIES);
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(4_000);
  });
});

// Cardinality: whatever many clients and backends do.
describe('a scrape of as many series as there may be', () => {
  it('takes less than a second of a processor', () => {
    const threads = Array.from({ length: 2 }, () => {
      const metrics = new RequestMetrics();
      for (let index = 0; index < 2 * REQUEST_OUTCOMES; index += 1) {
        const party = traffic.party(workload('w', { workloadName: `w${index}` }), spiffe(`w${index}`));
        metrics.series(party, cart, CART, 'http').record(index % 1_000, index % 17, NO_FLAGS, index, index, index);
      }
      return metrics;
    });
    // Of the processor: what else runs on the machine takes its time too.
    const began = process.cpuUsage();
    const lines = scrape(...threads);
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1_000).toBeLessThan(1_000);
    expect(lines.filter((line) => line.startsWith('istio_requests_total')).length).toBeLessThan(1.5 * REQUEST_OUTCOMES);
  });
});

describe('series of workloads that are gone', () => {
  function setUp() {
    const own = new TrafficMetrics();
    const metrics = new RequestMetrics();
    const gone = workload('old-1');
    const series = metrics.series(web, own.party(gone, undefined), CART, 'http');
    series.record(200, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
    own.workloadRemoved(gone.uid, 0);
    return { metrics, series };
  }

  it('stay for some scrapes, then go', () => {
    const { metrics } = setUp();
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS - 1)).toBe(0);
    expect(requests(metrics)).toEqual({ 'web 200  -': 1 });
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS)).toBe(1);
    expect(requests(metrics)).toEqual({});
  });

  it('count on from nothing where a request was still under way', () => {
    const { metrics, series } = setUp();
    metrics.expire(EXPIRE_AFTER_MILLISECONDS);
    series.record(503, NO_GRPC_STATUS, flagSet('UC'), 1, 1, 1);
    expect(requests(metrics)).toEqual({ 'web 503  UC': 1 });
  });

  it('make room for others', () => {
    const own = new TrafficMetrics();
    const metrics = new RequestMetrics();
    for (let index = 0; index < REQUEST_OUTCOMES; index += 1) {
      const pod = workload('w', { uid: `w${index}`, workloadName: `w${index}` });
      metrics.series(own.party(pod, undefined), cart, CART, 'http').record(200, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
      own.workloadRemoved(pod.uid, 0);
    }
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS)).toBe(REQUEST_OUTCOMES);
    metrics.series(web, cart, CART, 'http').record(200, NO_GRPC_STATUS, NO_FLAGS, 1, 1, 1);
    expect(requests(metrics)).toEqual({ 'web 200  -': 1 });
  });
});

describe('opaque connections at a waypoint', () => {
  it('are counted as TCP with that reporter', () => {
    const own = new TrafficMetrics();
    const series = own.series('waypoint', web, nobody, CART, '-');
    const labels = Object.fromEntries(TRAFFIC_LABELS.map((label, index) => [label, series.labels()[index]]));
    expect(labels).toMatchObject({
      reporter: 'waypoint',
      request_protocol: 'tcp',
      connection_security_policy: 'mutual_tls',
    });
    expect(own.flagged(series, 'UF').labels()[21]).toBe('UF');
    const others = [own.series('source', web, nobody, CART, '-'), own.series('destination', web, nobody, CART, '-')];
    expect(new Set([series, ...others]).size).toBe(3);
  });
});
