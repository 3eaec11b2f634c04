import { METRIC_TAG_SETS } from '@ambit/telemetry/limits';
import { requestSamples } from '@ambit/telemetry/request-snapshot';
import { REQUEST_FAMILIES } from '@ambit/telemetry/request-families';
import { renderMetrics } from '@ambit/telemetry/exposition';
import { MetricsAggregate } from '@ambit/telemetry/aggregate';
import type { MetricOverride, RequestMetric } from '@ambit/traffic/model/telemetry';
import { describe, expect, it } from 'vitest';
import { answering, Client } from './test-application.ts';
import { type TestServiceModel, serviceModel } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

type TelemetryModel = NonNullable<TestServiceModel['telemetry']>;

/** `GET` of each path; the status of its answer is what stands behind the slash. */
function served(
  telemetry: TelemetryModel,
  paths: readonly string[],
  fields: Record<string, string> = {},
): TestWaypoint {
  const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, () => 'it') }, telemetry });
  send(bed, paths, fields);
  return bed;
}

function send(bed: TestWaypoint, paths: readonly string[], fields: Record<string, string> = {}): void {
  const client = new Client(bed, 'HTTP/1.1');
  for (const path of paths) {
    const answer = client.send({ ':path': path, ...fields });
    bed.loop.until(() => answer.settled);
    expect(answer.reset).toBeUndefined();
  }
}

/** The lines of a scrape that begin with a name. */
function scraped(bed: TestWaypoint, name: string): string[] {
  const aggregate = new MetricsAggregate(REQUEST_FAMILIES);
  aggregate.update('0', requestSamples(bed.thread.metrics.snapshot().requests));
  return renderMetrics(aggregate.collect())
    .split('\n')
    .filter((line) => line.startsWith(name));
}

function override(metric: RequestMetric, further: Partial<MetricOverride> = {}): MetricOverride {
  return { metric, disabled: false, removedLabels: [], labels: [], ...further };
}

describe('the access log of a service', () => {
  it.each<[string, TelemetryModel['accessLog'] & object, number]>([
    ['is written without a filter', { disabled: false, filter: '', format: null }, 2],
    ['is silent when it is disabled', { disabled: true, filter: '', format: null }, 0],
    ['has what the filter is true of', { disabled: false, filter: "request.url_path == '/b'", format: null }, 1],
    [
      'has nothing where the filter has no value',
      { disabled: false, filter: "request.headers['x'] != 'a'", format: null },
      0,
    ],
    ['is filtered by the status of the answer', { disabled: false, filter: 'response.code >= 400', format: null }, 0],
    [
      'is filtered by mutual TLS',
      { disabled: false, filter: 'connection.mtls && response.size == 2', format: null },
      2,
    ],
  ])('%s', (_, accessLog, lines) => {
    expect(served({ accessLog }, ['/a', '/b?c=d']).lines()).toHaveLength(lines);
  });

  it('follows a change with the next request', () => {
    const bed = served({ accessLog: { disabled: true, filter: '', format: null } }, ['/a']);
    bed.serve(serviceModel({}));
    send(bed, ['/b']);
    expect(bed.lines().map((line) => /"GET (\S+)/.exec(line)?.[1])).toEqual(['/b']);
  });
});

describe('the metrics of a service', () => {
  it.each<[RequestMetric, string]>([
    ['request-count', 'istio_requests_total'],
    ['request-duration', 'istio_request_duration_milliseconds_count'],
    ['request-size', 'istio_request_bytes_count'],
    ['response-size', 'istio_response_bytes_count'],
  ])('%s is not told when it is disabled, and the others are', (metric, name) => {
    const bed = served({ metrics: [override(metric, { disabled: true })] }, ['/a']);
    const all = ['istio_requests_total', 'duration_milliseconds_count', 'request_bytes_count', 'response_bytes_count'];
    const told = all.filter((one) => scraped(bed, '').some((line) => line.includes(one)));
    expect(told).toEqual(all.filter((one) => !name.includes(one)));
  });

  it('lose labels, get others in their place and further ones', () => {
    const labels = [
      { name: 'request_host', value: 'request.host' },
      { name: 'response_code', value: "response.code < 400 ? 'good' : 'bad'" },
      { name: 'team', value: "request.headers['x-team']" },
    ];
    const metrics = [override('request-count', { labels, removedLabels: ['source_principal', 'request_protocol'] })];
    const bed = served({ metrics }, ['/a'], { ':authority': 'cart' });
    const [line = '', ...rest] = scraped(bed, 'istio_requests_total');
    expect(rest).toEqual([]);
    expect(line).toContain('request_host="cart"');
    expect(line).toContain('response_code="good"');
    expect(line).toContain('team="unknown"');
    expect(line).toContain('destination_service="cart.shop.svc.cluster.local"');
    expect(line).not.toMatch(/source_principal|request_protocol/);
    const [untouched = ''] = scraped(bed, 'istio_request_bytes_count');
    expect(untouched).toContain('source_principal="spiffe://');
    expect(untouched).not.toContain('request_host');
  });

  it('go on counting where they were when the same is said again', () => {
    const metrics = [override('request-count', { labels: [{ name: 'host', value: 'request.host' }] })];
    const bed = served({ metrics }, ['/a', '/b'], { ':authority': 'cart' });
    bed.serve(serviceModel({ telemetry: { metrics } }));
    send(bed, ['/c'], { ':authority': 'cart' });
    expect(scraped(bed, 'istio_requests_total').map((line) => line.split('} ')[1])).toEqual(['3']);
  });

  // Cardinality: whatever requests carry.
  it('do not grow with paths, hosts, headers and methods that nobody has named', () => {
    const labels = [
      { name: 'path', value: 'request.path' },
      { name: 'team', value: "request.headers['x-team']" },
    ];
    const bed = served({ metrics: [override('request-count', { labels })] }, []);
    const requests = 4 * METRIC_TAG_SETS;
    for (let count = 0; count < requests; count++) {
      send(bed, [`/${count}?${'q'.repeat(2_000)}`], {
        ':authority': `host-${count}`,
        ':method': `M${count}`,
        'x-team': `team-${count}`,
        'user-agent': `agent-${count}`,
      });
    }
    const lines = scraped(bed, 'istio_requests_total');
    expect(lines).toHaveLength(METRIC_TAG_SETS + 1);
    const total = lines.reduce((sum, line) => sum + Number(line.split('} ')[1]), 0);
    expect(total).toBe(requests);
    expect(lines.find((line) => line.includes('path="other",team="other"'))).toMatch(
      new RegExp(`} ${requests - METRIC_TAG_SETS}$`),
    );
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(1_500);
    expect(scraped(bed, 'istio_request_bytes_count')).toHaveLength(1);
  });
});
