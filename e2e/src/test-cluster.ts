import { systemClock } from '@ambit/core/clock';
import { type Cluster, type ClusterOptions, attachCluster } from './cluster/cluster.ts';
import { OwnCluster } from './cluster/own-cluster.ts';

function options(): ClusterOptions {
  return { environment: process.env, clock: systemClock, say: (line) => process.stderr.write(`${line}\n`) };
}

/** The cluster that all files of the tier share. */
export function testCluster(): Cluster {
  return attachCluster(options());
}

/** The same, for a file `*.own.cluster.test.ts`: such files do not run when `KUBECONFIG` names a cluster. */
export function ownTestCluster(): OwnCluster {
  return OwnCluster.attach(options());
}

/** Repeats `look` until it does not throw, every 200 ms; throws what it threw last after `within` milliseconds. */
export async function eventually<T>(look: () => Promise<T> | T, within = 30_000): Promise<T> {
  const deadline = performance.now() + within;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
