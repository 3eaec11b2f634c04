import { describe, expect, it } from 'vitest';
import { MetricsAggregate } from './aggregate.ts';
import { contentTypeFor, OPENMETRICS_CONTENT_TYPE, renderMetrics, TEXT_CONTENT_TYPE } from './exposition.ts';
import { FAMILIES, POLICY_DECISIONS, PROXIES_ACTIVE, THREAD_RESTARTS } from './families.ts';
import { counter, gauge, histogram } from './metric-family.ts';
import { Metrics } from './metrics.ts';
import { CART, spiffe, workload } from './test-traffic.ts';

const HITS = counter('hits_total', 'Hits, "quoted" and \\ back.', ['path']);
const OPEN = gauge('open', 'Open now.');
const SECONDS = histogram('took_seconds', 'Time.', [0.01, 1], ['who']);
const MINE = [HITS, OPEN, SECONDS];

function render(...threads: readonly Metrics[]): string {
  const aggregate = new MetricsAggregate(MINE);
  for (const [index, metrics] of threads.entries())
    aggregate.update(String(index), structuredClone(metrics.snapshot()));
  return renderMetrics(aggregate.collect());
}

describe('a scrape', () => {
  it('adds up what threads counted, in OpenMetrics', () => {
    const one = new Metrics();
    const two = new Metrics();
    one.number(HITS, '/a').value += 2;
    two.number(HITS, '/a').value += 3;
    two.number(HITS, '/b').value++;
    one.number(OPEN).value = 4;
    two.number(OPEN).value = 1;
    for (const value of [0.01, 0.5, 0.25]) one.histogram(SECONDS, 'x').observe(value);
    two.histogram(SECONDS, 'x').observe(7);
    expect(render(one, two)).toBe(
      [
        '# HELP hits Hits, \\"quoted\\" and \\\\ back.',
        '# TYPE hits counter',
        'hits_total{path="/a"} 5',
        'hits_total{path="/b"} 1',
        '# HELP open Open now.',
        '# TYPE open gauge',
        'open 5',
        '# HELP took_seconds Time.',
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{who="x",le="0.01"} 1',
        'took_seconds_bucket{who="x",le="1.0"} 3',
        'took_seconds_bucket{who="x",le="+Inf"} 4',
        'took_seconds_count{who="x"} 4',
        'took_seconds_sum{who="x"} 7.76',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  it('cannot be broken by a label value', () => {
    const metrics = new Metrics();
    metrics.number(HITS, 'a"} 1\n# EOF\nevil\\').value = 1;
    expect(render(metrics)).toContain('hits_total{path="a\\"} 1\\n# EOF\\nevil\\\\"} 1\n');
  });

  it('binds the same metric to the same labels', () => {
    const metrics = new Metrics();
    expect(metrics.number(HITS, 'a')).toBe(metrics.number(HITS, 'a'));
    expect(metrics.number(HITS, 'a')).not.toBe(metrics.number(HITS, 'b'));
    metrics.remove(HITS, 'a');
    expect(render(metrics)).not.toContain('path="a"');
  });

  it('says the format that was asked for', () => {
    expect(contentTypeFor('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')).toBe(
      OPENMETRICS_CONTENT_TYPE,
    );
    expect(contentTypeFor('*/*')).toBe(TEXT_CONTENT_TYPE);
    expect(contentTypeFor(undefined)).toBe(TEXT_CONTENT_TYPE);
  });
});

describe('a thread that ends', () => {
  it('leaves its counters and takes its gauges', () => {
    const aggregate = new MetricsAggregate(MINE);
    for (const thread of ['a', 'b', 'c']) {
      const metrics = new Metrics();
      metrics.number(HITS, '/').value = 5;
      metrics.number(OPEN).value = 5;
      metrics.histogram(SECONDS, 'x').observe(2);
      aggregate.update(thread, metrics.snapshot());
      aggregate.ended(thread);
    }
    aggregate.ended('never seen');
    const text = renderMetrics(aggregate.collect());
    expect(text).toContain('hits_total{path="/"} 15\n');
    expect(text).toContain('took_seconds_count{who="x"} 3\n');
    expect(text).not.toContain('open');
    aggregate.forgetEnded((name) => name !== HITS.name);
    expect(renderMetrics(aggregate.collect())).not.toContain('hits');
  });
});

describe('traffic', () => {
  it('is counted under Istio’s names, bytes only for what was relayed', () => {
    const metrics = new Metrics();
    const source = metrics.traffic.party(workload('web-1'), spiffe('web'));
    const destination = metrics.traffic.party(workload('cart-1'), spiffe('cart'));
    const series = metrics.traffic.series('source', source, destination, CART, '-');
    series.opened = 3;
    series.closed = 2;
    series.received = 78;
    series.sent = 461;
    const denied = metrics.traffic.flagged(series, 'DENY');
    denied.opened = denied.closed = denied.failed = 1;
    const aggregate = new MetricsAggregate(FAMILIES);
    aggregate.update('0', metrics.snapshot());
    const lines = renderMetrics(aggregate.collect()).split('\n');
    const find = (name: string, flag: string) =>
      lines
        .filter((line) => line.startsWith(`istio_tcp_${name}{`) && line.includes(`response_flags="${flag}"`))
        .map((line) => line.split(' ').at(-1));
    expect(find('connections_opened_total', '-')).toEqual(['3']);
    expect(find('connections_closed_total', '-')).toEqual(['2']);
    expect(find('connections_failed_total', '-')).toEqual([]);
    expect(find('received_bytes_total', '-')).toEqual(['78']);
    expect(find('sent_bytes_total', '-')).toEqual(['461']);
    expect(find('connections_opened_total', 'DENY')).toEqual(['1']);
    expect(find('connections_failed_total', 'DENY')).toEqual(['1']);
    expect(find('received_bytes_total', 'DENY')).toEqual([]);
    expect(lines).toContain('# TYPE istio_tcp_connections_opened counter');
  });
});

describe('the table of families', () => {
  it('has each name once, with labels and help that the format allows', () => {
    expect(new Set(FAMILIES.map(({ name }) => name)).size).toBe(FAMILIES.length);
    for (const { name, type, help, labels, buckets } of FAMILIES) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(help.length).toBeGreaterThan(5);
      for (const label of labels) expect(label).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(new Set(labels).size).toBe(labels.length);
      expect(buckets.toSorted((a, b) => a - b)).toEqual(buckets);
      expect(buckets.length > 0).toBe(type === 'histogram');
    }
    expect(FAMILIES).toEqual(expect.arrayContaining([POLICY_DECISIONS, PROXIES_ACTIVE, THREAD_RESTARTS]));
  });
});
