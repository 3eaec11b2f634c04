import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { Metrics } from '@ambit/telemetry/metrics';
import { CircuitBreaker } from '@ambit/traffic/breaker/circuit-breaker';
import { ClusterLoad } from '@ambit/traffic/cluster-state/cluster-load';
import { Gauge } from '@ambit/traffic/cluster-state/cluster-memory';
import type { ServedService } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { clusterName, serviceModel, type TestServiceModel } from '../test-models.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { SharedClusters } from './shared-clusters.ts';

const KEY = `shop ${clusterName()}`;
const BREAKER = { failurePercent: 50, windowMs: 1_000, minimumRequests: 2, openMs: 1_000 };

/** A service with the cluster of all endpoints of `cart`; others lead there too. */
function named(name: string, fields: TestServiceModel = {}): ServedService {
  return { ...serviceModel(fields), resourceName: name };
}

function memoryOf(clusters: SharedClusters) {
  const found = clusters.memory().get(KEY);
  if (found === undefined) throw new Error('no memory');
  return found;
}

describe('the memory that data threads share of a cluster', () => {
  it('is one for all services that lead there, and is kept as long as one does', () => {
    const clusters = new SharedClusters(2);
    const first = clusters.change([named('one')], []);
    const second = clusters.change([named('two'), named('one')], []);
    expect(second.memory.get(KEY)).toBe(first.memory.get(KEY));
    expect([first.forgotten, second.forgotten, clusters.change([], ['one']).forgotten]).toEqual([[], [], []]);
    expect(clusters.change([], ['two']).forgotten).toEqual([KEY]);
    expect(clusters.memory().size).toBe(0);
  });

  it('keeps what is counted when the cluster gets outlier detection, and what is known of endpoints when it loses it', () => {
    const clusters = new SharedClusters(1);
    clusters.change([named('one')], []);
    const before = memoryOf(clusters);
    clusters.change([named('one', { outlierDetection: {} })], []);
    const after = memoryOf(clusters);
    expect([after.counts === before.counts, before.endpoints, after.endpoints !== undefined]).toEqual([
      ...[true, undefined, true],
    ]);
    clusters.change([named('one')], []);
    expect(memoryOf(clusters)).toBe(after);
  });

  it('forgets a subset that no version has now', () => {
    const clusters = new SharedClusters(1);
    clusters.change([named('one', { subsets: { v1: [] } })], []);
    expect(clusters.change([named('one')], []).forgotten).toEqual([`shop ${clusterName('v1')}`]);
  });

  it('gives back what a thread held that has ended', () => {
    const clusters = new SharedClusters(2);
    clusters.change([named('one')], []);
    const [dead, alive] = [0, 1].map((thread) => new ClusterLoad(memoryOf(clusters), thread));
    dead?.take(Gauge.connections, 0);
    clusters.threadEnded(0);
    expect(alive?.sum(Gauge.connections)).toBe(0);
  });
});

describe('what is told of clusters', () => {
  function watched(fields: TestServiceModel) {
    const clock = new ManualClock();
    const lines: unknown[] = [];
    const note = (fields_: unknown) => lines.push(fields_);
    const clusters = new SharedClusters(1);
    clusters.change([named('one', fields)], []);
    const metrics = new Metrics();
    const log = { warn: note, info: note } as unknown as Logger;
    const watch = new ClusterWatch({ clusters, clock, log, metrics });
    const gauge = (family: string): number | undefined => {
      watch.measure();
      return metrics.snapshot().find(({ name }) => name === family)?.samples[0]?.values[0];
    };
    return { clock, lines, clusters, watch, gauge };
  }

  it('an endpoint is out in log, gauge and page until its time is over', () => {
    const { clock, lines, watch, gauge } = watched({ outlierDetection: {} });
    expect(gauge('ambit_outlier_endpoints_out')).toBe(0);
    watch.ejected(KEY, { uid: 'a', cause: 'consecutive_5xx', ejections: 2, durationMs: 500 });
    expect(lines).toEqual([
      expect.objectContaining({ code: 'AMBIT_ENDPOINT_EJECTED', cluster: KEY, endpoint: 'a', milliseconds: 500 }),
    ]);
    clock.advance(100);
    expect(gauge('ambit_outlier_endpoints_out')).toBe(1);
    expect(watch.describe()).toMatchObject([
      { name: clusterName(), out: [{ endpoint: 'a', cause: 'consecutive_5xx', ejections: 2, millisecondsLeft: 400 }] },
    ]);
    clock.advance(400);
    expect([gauge('ambit_outlier_endpoints_out'), watch.describe()]).toMatchObject([0, [{ out: [] }]]);
  });

  it('a breaker is open in log, gauge and page, and what is under way is on the page', () => {
    const { lines, clusters, watch, gauge } = watched({ circuitBreaker: BREAKER });
    const memory = memoryOf(clusters);
    const breaker = new CircuitBreaker(memory, 0, BREAKER, () => 1_000_000);
    expect(gauge('ambit_circuit_breaker_state')).toBe(0);
    for (let at = 0; at < 2; at++) breaker.tried('pass', true);
    watch.breakerChanged(clusterName(), breaker.state);
    expect(lines).toEqual([{ code: 'AMBIT_CIRCUIT_OPEN', cluster: clusterName() }]);
    expect(gauge('ambit_circuit_breaker_state')).toBe(1);
    new ClusterLoad(memory, 0).take(Gauge.underWay, 0);
    expect(watch.describe()).toMatchObject([
      { now: { underWay: 1, connections: 0 }, circuitBreaker: { state: 'open', opened: 1, failurePercent: 50 } },
    ]);
  });
});
