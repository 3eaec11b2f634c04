import { fileURLToPath } from 'node:url';
import type { Cluster } from '../cluster/cluster.ts';
import { installMesh, MESH_NAMESPACE } from './chart.ts';

const CHART = fileURLToPath(new URL('../../../charts/ambit/charts/ztunnel', import.meta.url));
/** Release, DaemonSet and ServiceAccount. The image is loaded with those of the mesh when the variable is set. */
const NAME = 'stock-ztunnel';
const HOST = 'kubernetes.io/hostname';

/** The stock ztunnel in the place of ours on one node, by the values that a user has: a release of its own, as in a migration. */
export class StockZtunnel {
  readonly #cluster: Cluster;
  readonly #node: string;

  constructor(cluster: Cluster, node: string) {
    this.#cluster = cluster;
    this.#node = node;
  }

  async takeOver(): Promise<void> {
    const elsewhere = [{ matchExpressions: [{ key: HOST, operator: 'NotIn', values: [this.#node] }] }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: elsewhere } };
    const trusted = `${MESH_NAMESPACE}/ztunnel,${MESH_NAMESPACE}/${NAME}`;
    await installMesh(
      this.#cluster,
      ...['--set-json', `ztunnel.affinity=${JSON.stringify({ nodeAffinity: required })}`],
      ...['--set-json', `istiod.env=${JSON.stringify({ CA_TRUSTED_NODE_ACCOUNTS: trusted })}`],
    );
    const values = { resourceName: NAME, image: NAME, nodeSelector: { [HOST]: this.#node } };
    const words = Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
    const command = ['upgrade', '--install', NAME, CHART, '-n', MESH_NAMESPACE, '--wait', '--timeout', '60s'];
    await this.#cluster.helm([...command, ...words]);
  }

  /** Does nothing when it was not there. */
  async giveBack(): Promise<void> {
    await this.#cluster.helm(['uninstall', NAME, '-n', MESH_NAMESPACE, '--ignore-not-found', '--wait']);
    await installMesh(this.#cluster);
  }
}
