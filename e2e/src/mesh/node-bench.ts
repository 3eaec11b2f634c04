import { randomUUID } from 'node:crypto';
import type { OwnCluster } from '../cluster/own-cluster.ts';
import { Bench, type CommandLine } from './bench.ts';

/** Enters pods through the container runtime of their node: what runs in them goes on while the API server is away. */
export class NodeBench extends Bench {
  readonly #own: OwnCluster;

  constructor(cluster: OwnCluster) {
    super(cluster);
    this.#own = cluster;
  }

  protected override async inPod(namespace: string, app: string, command: readonly string[]): Promise<CommandLine> {
    const pod = await this.pod(namespace, app);
    const path = '{.spec.nodeName} {.status.containerStatuses[0].containerID}';
    const [node = '', id = ''] = (await this.read(['pod', pod, '-n', namespace], path)).split(' ');
    const enter = ['ctr', '--namespace', 'k8s.io', 'task', 'exec', '--exec-id', randomUUID()];
    return this.#own.nodeCommandLine(node, [...enter, id.replace('containerd://', ''), ...command]);
  }
}
