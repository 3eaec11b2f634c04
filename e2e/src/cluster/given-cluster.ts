import { AmbitError } from '@ambit/core/errors';
import type { Cluster, ClusterOptions, RunOptions } from './cluster.ts';
import { type CommandResult, mustRun } from './command.ts';
import { type Environment, withPath } from './environment.ts';
import { isInstalled } from './parts/tools.ts';

/** Longest time of one command, in milliseconds. */
const COMMAND_MS = 120_000;

/** Clusters whose nodes are on this machine, by the prefix of their context: how an archive gets into them. */
const LOADERS: readonly { readonly prefix: string; readonly argv: (archive: string, cluster: string) => string[] }[] = [
  { prefix: 'kind-', argv: (archive, cluster) => ['kind', 'load', 'image-archive', archive, '--name', cluster] },
  { prefix: 'k3d-', argv: (archive, cluster) => ['k3d', 'image', 'import', archive, '--cluster', cluster] },
];

/** Any cluster, reached as its kubeconfig says, with the kubectl and helm of this machine. */
export class GivenCluster implements Cluster {
  readonly kubeconfig: string;
  readonly #options: ClusterOptions;

  constructor(kubeconfig: string, options: ClusterOptions) {
    this.kubeconfig = kubeconfig;
    this.#options = options;
  }

  kubectl(words: readonly string[], options: RunOptions = {}): Promise<string> {
    return this.#tool('kubectl', words, options);
  }

  helm(words: readonly string[], options: RunOptions = {}): Promise<string> {
    return this.#tool('helm', words, options);
  }

  /**
   * With kind and k3d, into the nodes. Any other cluster pulls from a registry: `AMBIT_IMAGES=present` says that the
   * images are where the cluster finds them; without it this rejects with `AMBIT_CLUSTER_IMAGES`.
   */
  async loadImages(archives: readonly string[]): Promise<void> {
    if (this.#options.environment['AMBIT_IMAGES'] === 'present') return;
    const context = (await this.kubectl(['config', 'current-context'])).trim();
    const loader = LOADERS.find(({ prefix }) => context.startsWith(prefix));
    if (loader === undefined) {
      throw new AmbitError(
        'AMBIT_CLUSTER_IMAGES',
        `context ${context} is neither kind's nor k3d's: push the images to a registry that the cluster pulls from, and set AMBIT_IMAGES=present`,
        { source: 'configuration' },
      );
    }
    const { clock } = this.#options;
    for (const archive of archives) {
      const argv = loader.argv(archive, context.slice(loader.prefix.length));
      await mustRun(argv, { clock, environment: this.#environment });
    }
  }

  inCluster(argv: readonly string[]): Promise<CommandResult> {
    return Promise.reject(this.#foreign(argv));
  }

  inNode(_node: string, argv: readonly string[]): Promise<CommandResult> {
    return Promise.reject(this.#foreign(argv));
  }

  commandLine(argv: readonly string[]): { readonly argv: readonly string[]; readonly environment: Environment } {
    return { argv, environment: this.#environment };
  }

  down(): Promise<void> {
    return Promise.resolve();
  }

  get #environment(): Environment {
    return withPath({ ...this.#options.environment, KUBECONFIG: this.kubeconfig }, []);
  }

  async #tool(program: string, words: readonly string[], { input, timeout = COMMAND_MS }: RunOptions): Promise<string> {
    const { clock, environment } = this.#options;
    if (!isInstalled(program, environment)) {
      throw new AmbitError(
        'AMBIT_CLUSTER_TOOLS',
        `${program} is not in PATH; with KUBECONFIG=${this.kubeconfig} this machine's own is used`,
        { source: 'system' },
      );
    }
    const options = { clock, timeout, environment: this.#environment, ...(input === undefined ? {} : { input }) };
    return await mustRun([program, ...words], options);
  }

  #foreign(argv: readonly string[]): AmbitError {
    return new AmbitError(
      'AMBIT_CLUSTER_FOREIGN',
      `${argv.join(' ')} cannot run inside the cluster of KUBECONFIG=${this.kubeconfig}: only in one that npm run cluster:up made`,
      { source: 'configuration' },
    );
  }
}
