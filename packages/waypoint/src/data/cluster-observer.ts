import type { BreakerState } from '@ambit/traffic/breaker/circuit-breaker';
import { clusterKey } from '@ambit/traffic/cluster-state/cluster-key';
import type { Cluster } from '@ambit/traffic/model/served-service';
import type { Ejection } from '@ambit/traffic/outlier/outlier-detection';
import type { Report } from '../messages.ts';
import type { ThreadMetrics } from './thread-metrics.ts';

/** Who hears what becomes of clusters whose endpoints fail, or to which too much is sent. */
export interface ClusterObserver {
  /** A limit, by its code, kept a request or a connection from being sent. */
  refused(cluster: string, reason: string): void;
  /** An endpoint is out from now on; or it would be, but too many are. */
  ejected(cluster: Cluster, ejection: Ejection | 'too-many'): void;
  breakerChanged(cluster: string, state: BreakerState): void;
}

/** Counts it, and tells the control side. */
export function clusterObserver(metrics: ThreadMetrics, post: (report: Report) => void): ClusterObserver {
  return {
    refused: (cluster, reason) => {
      metrics.refusedFor(cluster, reason);
    },
    ejected: (cluster, ejection) => {
      metrics.ejected(cluster.name, ejection === 'too-many' ? 'prevented' : ejection.cause);
      if (ejection !== 'too-many') post({ kind: 'ejected', cluster: clusterKey(cluster), ejection });
    },
    breakerChanged: (cluster, state) => {
      if (state === 'open') metrics.breakerOpened(cluster);
      post({ kind: 'breaker', cluster, state });
    },
  };
}
