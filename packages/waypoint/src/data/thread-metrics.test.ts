import { describe, expect, it } from 'vitest';
import { MIRROR_SERIES } from '../limits.ts';
import { ThreadMetrics } from './thread-metrics.ts';

describe('copies of requests', () => {
  it('are counted by cluster and result, and those of too many clusters together', () => {
    const metrics = new ThreadMetrics(() => 0);
    for (let cluster = 0; cluster < MIRROR_SERIES + 5; cluster++) metrics.mirrored(`cluster-${cluster}`, '2xx');
    metrics.mirrored('cluster-0', '2xx');
    metrics.mirrored('cluster-0', 'timeout');
    const family = metrics.snapshot().counters.find(({ name }) => name === 'ambit_mirrored_requests_total');
    const counted = new Map(family?.samples.map(({ labels, values }) => [labels.join(' '), values[0]]));
    expect(counted.size).toBe(MIRROR_SERIES + 2);
    expect(counted.get('cluster-0 2xx')).toBe(2);
    expect(counted.get('cluster-0 timeout')).toBe(1);
    expect(counted.get('unknown 2xx')).toBe(5);
  });
});
