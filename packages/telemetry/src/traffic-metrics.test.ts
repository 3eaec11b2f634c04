import { describe, expect, it } from 'vitest';
import { EXPIRE_AFTER_MILLISECONDS } from './limits.ts';
import { CART, spiffe, workload } from './test-traffic.ts';
import { TRAFFIC_LABELS } from './traffic-labels.ts';
import { TrafficMetrics, type TrafficSeries } from './traffic-metrics.ts';

function labelled(series: TrafficSeries): Record<string, string> {
  const values = series.labels();
  expect(values).toHaveLength(TRAFFIC_LABELS.length);
  return Object.fromEntries(TRAFFIC_LABELS.map((label, index) => [label, values[index] ?? '']));
}

describe('the labels of a connection', () => {
  it('say who, to whom, under which names and how safely', () => {
    const metrics = new TrafficMetrics();
    const source = metrics.party(workload('web-1'), spiffe('web'));
    const destination = metrics.party(workload('cart-7', { locality: { region: '', zone: 'z2' } }), spiffe('cart'));
    expect(labelled(metrics.series('source', source, destination, CART, '-'))).toEqual({
      reporter: 'source',
      source_workload: 'web',
      source_canonical_service: 'web-app',
      source_canonical_revision: 'v1',
      source_workload_namespace: 'shop',
      source_principal: 'spiffe://cluster.local/ns/shop/sa/web',
      source_app: 'web-app',
      source_version: 'v1',
      source_cluster: 'Kubernetes',
      destination_service: 'cart.shop.svc.cluster.local',
      destination_service_namespace: 'shop',
      destination_service_name: 'cart',
      destination_workload: 'cart',
      destination_canonical_service: 'cart-app',
      destination_canonical_revision: 'v1',
      destination_workload_namespace: 'shop',
      destination_principal: 'spiffe://cluster.local/ns/shop/sa/cart',
      destination_app: 'cart-app',
      destination_version: 'v1',
      destination_cluster: 'Kubernetes',
      request_protocol: 'tcp',
      response_flags: '-',
      connection_security_policy: 'mutual_tls',
      source_region: 'r1',
      source_zone: 'z1',
      destination_region: 'unknown',
      destination_zone: 'z2',
    });
  });

  it('are unknown where nothing is known, and without mutual TLS', () => {
    const metrics = new TrafficMetrics();
    const nobody = metrics.party(undefined, undefined);
    const labels = labelled(
      metrics.series('destination', nobody, metrics.party(workload('cart-1'), undefined), undefined, 'DENY'),
    );
    expect(labels).toMatchObject({
      reporter: 'destination',
      source_workload: 'unknown',
      source_principal: 'unknown',
      destination_workload: 'cart',
      destination_principal: 'unknown',
      destination_service: 'unknown',
      connection_security_policy: 'unknown',
      response_flags: 'DENY',
    });
  });
});

describe('the series of a connection', () => {
  it('is one for all pods with the same labels, and another for each flag and end', () => {
    const metrics = new TrafficMetrics();
    const web = metrics.party(workload('web-1'), spiffe('web'));
    const one = metrics.series('source', web, metrics.party(workload('cart-1'), undefined), CART, '-');
    const two = metrics.series('source', web, metrics.party(workload('cart-2'), undefined), { ...CART }, '-');
    expect(two).toBe(one);
    expect(metrics.flagged(one, 'DENY')).not.toBe(one);
    expect(metrics.flagged(metrics.flagged(one, 'DENY'), '-')).toBe(one);
    const cart = metrics.party(workload('cart-1'), undefined);
    expect(metrics.series('destination', web, cart, CART, '-')).not.toBe(one);
    expect(metrics.series('source', web, cart, undefined, '-')).not.toBe(one);
    expect(metrics.series('source', cart, web, CART, '-')).not.toBe(one);
    expect(metrics.all().size).toBe(5);
  });
});

describe('series of workloads that are gone', () => {
  function setUp() {
    const metrics = new TrafficMetrics();
    const web = metrics.party(workload('web-1'), undefined);
    const pods = [workload('cart-1'), workload('cart-2')];
    const [cart = web] = pods.map((pod) => metrics.party(pod, undefined));
    const series = metrics.series('source', web, cart, CART, '-');
    series.opened = 1;
    series.closed = 1;
    return { metrics, web, series, uids: pods.map(({ uid }) => uid) };
  }

  it('stay while another pod has the same labels, then for some scrapes, then go', () => {
    const { metrics, uids } = setUp();
    metrics.workloadRemoved(uids[0] ?? '', 0);
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS * 2)).toBe(0);
    metrics.workloadRemoved(uids[1] ?? '', 1_000);
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS)).toBe(0);
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS + 1_000)).toBe(1);
    expect(metrics.all().size).toBe(0);
  });

  it('stay while a connection is open, with the flags that ended taken away', () => {
    const { metrics, series, uids } = setUp();
    series.opened++;
    const refused = metrics.flagged(series, 'DENY');
    for (const uid of uids) metrics.workloadRemoved(uid, 0);
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS)).toBe(1);
    expect([...metrics.all()]).toEqual([series]);
    expect(metrics.flagged(refused, '-')).toBe(series);
    series.closed++;
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS)).toBe(1);
  });

  it('stay when the workload comes back in time', () => {
    const { metrics, uids } = setUp();
    for (const uid of uids) metrics.workloadRemoved(uid, 0);
    metrics.party(workload('cart-3'), undefined);
    expect(metrics.expire(EXPIRE_AFTER_MILLISECONDS * 3)).toBe(0);
  });

  it('start from nothing when it comes back late', () => {
    const { metrics, web, uids } = setUp();
    for (const uid of uids) metrics.workloadRemoved(uid, 0);
    metrics.expire(EXPIRE_AFTER_MILLISECONDS);
    const again = metrics.series('source', web, metrics.party(workload('cart-3'), undefined), CART, '-');
    expect(again.opened).toBe(0);
    expect(metrics.all()).toContain(again);
  });
});
