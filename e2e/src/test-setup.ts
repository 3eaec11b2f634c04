import { systemClock } from '@ambit/core/clock';
import { bringUp } from './cluster/bring-up.ts';
import { type ClusterOptions, givenCluster } from './cluster/cluster.ts';
import { OwnCluster } from './cluster/own-cluster.ts';

/**
 * What vitest calls before the first file of the tier: one cluster for all of them. That of `KUBECONFIG`, or one that runs
 * already, is used as it is; one that is brought up here is taken down again.
 */
export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  const options: ClusterOptions = {
    environment: process.env,
    clock: systemClock,
    say: (line) => process.stderr.write(`${line}\n`),
  };
  if (givenCluster(options) !== undefined || OwnCluster.find(options) !== undefined) return undefined;
  const cluster = await bringUp(options);
  return () => cluster.down();
}
