import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { type NodePlan, nodePlans } from './address-plan.ts';
import type { Cluster, ClusterOptions, RunOptions } from './cluster.ts';
import { type CommandOptions, type CommandResult, mustRun, runCommand } from './command.ts';
import { type Environment, withPath } from './environment.ts';
import { attended, findNamespaces } from './namespaces.ts';
import { ClusterNode } from './node.ts';
import { BuiltParts } from './parts/built-parts.ts';
import { type Place, placeOf } from './place.ts';
import { controlPrograms } from './control-plane.ts';
import { endedPrograms, startProgram, stopProgram } from './program.ts';
import { isReady, readRecord } from './record.ts';
import { removeCluster } from './removal.ts';

/** Longest time of one command, in milliseconds. */
const COMMAND_MS = 120_000;

/** A cluster that runs on this machine, in namespaces of its own. */
export class OwnCluster implements Cluster {
  readonly kubeconfig: string;
  readonly nodes: readonly ClusterNode[];
  readonly #place: Place;
  readonly #parts: BuiltParts;
  readonly #options: ClusterOptions;
  readonly #started: Set<string> = new Set();

  constructor(place: Place, plans: readonly NodePlan[], parts: BuiltParts, options: ClusterOptions) {
    this.kubeconfig = OwnCluster.kubeconfigOf(place);
    this.nodes = plans.map(
      (plan) => new ClusterNode({ place, plan, parts, all: plans, clock: options.clock, signal: options.signal }),
    );
    this.#place = place;
    this.#parts = parts;
    this.#options = options;
  }

  static kubeconfigOf(place: Place): string {
    return join(place.state, 'pki', 'admin.conf');
  }

  /** The cluster that runs under the name in `AMBIT_CLUSTER`; undefined when none does, or it is not ready. */
  static find(options: ClusterOptions): OwnCluster | undefined {
    const place = placeOf(options.environment);
    const record = readRecord(place.state);
    if (record === undefined || !isReady(place.state) || findNamespaces(place) === undefined) return undefined;
    return new OwnCluster(place, nodePlans(record.nodes), new BuiltParts(record.parts), options);
  }

  /** Archives of the images that every node has from its start, for pods of tests. */
  get testImages(): readonly string[] {
    return this.#parts.testImages;
  }

  /** Like `find`. Throws `AMBIT_CLUSTER_DOWN` when there is none. */
  static attach(options: ClusterOptions): OwnCluster {
    const cluster = OwnCluster.find(options);
    if (cluster !== undefined) return cluster;
    const { name } = placeOf(options.environment);
    throw new AmbitError('AMBIT_CLUSTER_DOWN', `the cluster ${name} does not run: npm run cluster:up`, {
      source: 'configuration',
    });
  }

  async kubectl(words: readonly string[], options: RunOptions = {}): Promise<string> {
    return await this.#mustRun(['kubectl', ...words], options);
  }

  async helm(words: readonly string[], options: RunOptions = {}): Promise<string> {
    return await this.#mustRun(['helm', ...words], options);
  }

  async loadImages(archives: readonly string[]): Promise<void> {
    for (const archive of archives) {
      if (!existsSync(archive)) {
        throw new AmbitError('AMBIT_CLUSTER_IMAGES', `${archive} does not exist`, { source: 'configuration' });
      }
      await Promise.all(this.nodes.map((node) => node.loadImage(archive)));
    }
  }

  async inCluster(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return await runCommand(this.commandLine(argv).argv, this.#commandOptions(argv, options));
  }

  async inNode(node: string, argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return await runCommand(this.nodeCommandLine(node, argv).argv, this.#commandOptions(argv, options));
  }

  commandLine(
    argv: readonly string[],
    directory: string = process.cwd(),
  ): { readonly argv: readonly string[]; readonly environment: Environment } {
    return { argv: attended(this.#place, argv, { directory }), environment: this.#environment };
  }

  /** Like `commandLine`, inside a node. */
  nodeCommandLine(
    node: string,
    argv: readonly string[],
    directory: string = process.cwd(),
  ): { readonly argv: readonly string[]; readonly environment: Environment } {
    return { argv: this.node(node).attended(argv, directory), environment: this.#environment };
  }

  /** Throws `AMBIT_CLUSTER_NODE` when there is none of that name. */
  node(name: string): ClusterNode {
    const node = this.nodes.find((one) => one.name === name);
    if (node !== undefined) return node;
    const names = this.nodes.map((one) => one.name).join(', ');
    throw new AmbitError('AMBIT_CLUSTER_NODE', `no node ${name}; there are ${names}`, { source: 'configuration' });
  }

  /** Starts a program of the control plane, such as `kube-apiserver`, again after `stopProgram`. */
  async startProgram(name: string): Promise<void> {
    const program = controlPrograms(this.#place.state).find((one) => one.name === name);
    if (program === undefined) throw new AmbitError('AMBIT_CLUSTER_PROGRAM', `the control plane has no ${name}`);
    const { clock, signal } = this.#options;
    await startProgram(this.#place, program, { clock, signal, environment: this.#parts.bareEnvironment });
    this.#started.add(name);
  }

  /** Programs that this object started, did not stop, and that ended; as their logs are named. */
  get ended(): readonly string[] {
    const own = this.#started.size === 0 ? [] : endedPrograms(this.#place, this.#started);
    return [...own, ...this.nodes.flatMap((node) => node.ended.map((name) => `${name}-${node.name}`))];
  }

  /**
   * Ends a program of the control plane and waits until it is gone; nothing starts it again. By default at once: an API
   * server that is asked to end waits a minute for its watchers.
   */
  async stopProgram(name: string, how: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#started.delete(name);
    await stopProgram(this.#place, name, how, this.#options.clock);
  }

  /** Does something while a program of the control plane is stopped. It runs again afterwards, whatever happens: others need it. */
  async without<T>(name: string, meanwhile: () => Promise<T>): Promise<T> {
    await this.stopProgram(name);
    try {
      return await meanwhile();
    } finally {
      await this.startProgram(name);
    }
  }

  /** The end of a program's log, for a failure's message; `name` as in `kubelet-a`, `kube-apiserver`. */
  log(name: string, bytes = 4_000): string {
    const file = join(this.#place.state, 'log', `${name}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-bytes) : '';
  }

  async down(): Promise<void> {
    await removeCluster(this.#place, this.#options.clock);
  }

  get #environment(): Environment {
    // All clusters here have the same address, under which kubectl and helm remember what kinds a server has.
    const own = { KUBECONFIG: this.kubeconfig, KUBECACHEDIR: join(this.#place.state, 'kubectl') };
    return withPath({ ...this.#options.environment, ...own }, this.#parts.programs);
  }

  async #mustRun(argv: readonly string[], options: RunOptions): Promise<string> {
    return await mustRun(this.commandLine(argv).argv, this.#commandOptions(argv, options));
  }

  #commandOptions(shown: readonly string[], { input, timeout = COMMAND_MS }: RunOptions): CommandOptions {
    const { clock, signal } = this.#options;
    return { clock, signal, timeout, shown, environment: this.#environment, ...(input === undefined ? {} : { input }) };
  }
}
