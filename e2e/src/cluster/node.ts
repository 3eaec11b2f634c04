import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { NodePlan } from './address-plan.ts';
import { NodeCgroups, hierarchies } from './cgroups.ts';
import { type CommandOptions, mustRun, runCommand } from './command.ts';
import type { Program } from './control-plane.ts';
import {
  type NamespaceName,
  appears,
  attended,
  destroyNamespaces,
  entering,
  findNamespaces,
  makingNode,
  namespacesOf,
} from './namespaces.ts';
import { cniConfig, containerdConfig, kubeletConfig, proxyConfig } from './node-files.ts';
import { INSTALLED, nodeCable, nodeFiles, nodeNetwork } from './node-system.ts';
import type { BuiltParts } from './parts/built-parts.ts';
import type { Place } from './place.ts';
import { endedPrograms, startProgram, stopProgram } from './program.ts';

/** How long containerd may take to answer, and between two tries, in milliseconds. */
const CONTAINERD_MS = 30_000;
const RETRY_MS = 50;

/** Longest time of one step, in milliseconds. */
const STEP_MS = 60_000;

export interface NodeOptions {
  readonly place: Place;
  readonly parts: BuiltParts;
  readonly plan: NodePlan;
  readonly all: readonly NodePlan[];
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** One node: namespaces of its own with containerd, kubelet and kube-proxy in them. */
export class ClusterNode {
  readonly #options: NodeOptions;
  readonly #cgroups: NodeCgroups;
  readonly #namespaces: NamespaceName;
  readonly #own: string;
  readonly #started: Set<string> = new Set();

  constructor(options: NodeOptions) {
    const { place, plan } = options;
    this.#options = options;
    this.#cgroups = new NodeCgroups(place.cgroup, plan.name);
    this.#namespaces = { state: place.state, node: plan.name };
    this.#own = join(place.state, `node-${plan.name}`);
  }

  get name(): string {
    return this.#options.plan.name;
  }

  /**
   * Starts the node, at first or again after `destroy`; returns when kubelet and kube-proxy are started and all images there.
   * `anew`: with the network plugins and their configuration as at first, as on systems that bring /etc with them.
   */
  async start({ anew = false }: { readonly anew?: boolean } = {}): Promise<void> {
    const { place, plan, all, parts, clock } = this.#options;
    if (findNamespaces(this.#namespaces) !== undefined) {
      throw new AmbitError('AMBIT_CLUSTER_PROGRAM', `node ${plan.name} runs already`);
    }
    this.#writeFiles();
    if (anew) rmSync(join(this.#own, INSTALLED), { force: true });
    await this.#cgroups.make(clock);
    const log = join(place.state, 'log', `node-${plan.name}.log`);
    await this.#step(makingNode(place.state, plan.name, log, this.#cgroups.entrances));
    await appears(this.#namespaces, log, clock);
    this.#cgroups.openForContainers();
    const cable = nodeCable(plan, namespacesOf(this.#namespaces));
    await this.#step(entering({ state: place.state }, ['sh', '-c', cable], { kinds: ['net'] }));
    await this.#step(this.#enter(['sh', '-c', nodeNetwork(plan, all)]));
    await this.#step(this.#enter(['sh', '-c', nodeFiles(plan, this.#own, parts.cniPlugins, hierarchies())]));
    await this.startProgram('containerd');
    await this.#containerdAnswers();
    for (const image of parts.systemImages) await this.loadImage(image);
    await Promise.all([this.startProgram('kubelet'), this.startProgram('kube-proxy')]);
    for (const image of parts.testImages) await this.loadImage(image);
  }

  /** Ends the node at once, as a power cut would; its files on the disk stay for the next start, as on a machine. */
  async destroy(): Promise<void> {
    this.#started.clear();
    await destroyNamespaces(this.#namespaces, this.#options.clock);
  }

  /** A command line that runs `argv` in a folder of the node and ends with its caller. Throws `AMBIT_CLUSTER_DOWN` when the node does not run. */
  attended(argv: readonly string[], directory: string): string[] {
    return attended(this.#namespaces, argv, { directory, cgroups: this.#cgroups.entrances });
  }

  #enter(argv: readonly string[]): string[] {
    return entering(this.#namespaces, argv, { cgroups: this.#cgroups.entrances });
  }

  /** Puts an image archive (of `docker save`, or an OCI layout as tar) into containerd. */
  async loadImage(archive: string): Promise<void> {
    const argv = this.#enter(['ctr', '--namespace', 'k8s.io', 'images', 'import', '-']);
    await mustRun(argv, {
      ...this.#commands,
      input: { file: archive },
      shown: ['load', archive, 'into node', this.name],
    });
  }

  async startProgram(name: string): Promise<void> {
    const program = this.#programs().find((one) => one.name === name);
    if (program === undefined) throw new AmbitError('AMBIT_CLUSTER_PROGRAM', `nodes have no program ${name}`);
    await startProgram({ ...this.#namespaces, cgroups: this.#cgroups.entrances }, program, this.#commands);
    this.#started.add(name);
  }

  /** Programs that this object started, did not stop, and that ended. */
  get ended(): readonly string[] {
    return this.#started.size === 0 ? [] : endedPrograms(this.#namespaces, this.#started);
  }

  async stopProgram(name: string, how: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#started.delete(name);
    await stopProgram(this.#namespaces, name, how, this.#options.clock);
  }

  get #commands(): CommandOptions {
    const { clock, parts, signal } = this.#options;
    return { clock, signal, environment: parts.bareEnvironment, timeout: STEP_MS };
  }

  async #step(argv: readonly string[]): Promise<void> {
    await mustRun(argv, this.#commands);
  }

  async #containerdAnswers(): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.now() + CONTAINERD_MS;
    while ((await runCommand(this.#enter(['ctr', 'version']), this.#commands)).code !== 0) {
      if (clock.now() > deadline) {
        throw new AmbitError('AMBIT_CLUSTER_NOT_READY', `containerd on node ${this.name} does not answer`);
      }
      await new Promise<void>((resolve) => clock.setTimeout(resolve, RETRY_MS));
    }
  }

  #programs(): Program[] {
    const { place, plan } = this.#options;
    const file = (name: string): string => join(this.#own, name);
    return [
      { name: 'containerd', argv: ['containerd', '--config', file('containerd.toml')] },
      {
        name: 'kubelet',
        argv: [
          'kubelet',
          `--config=${file('kubelet.yaml')}`,
          `--kubeconfig=${join(place.state, 'pki', `node-${plan.name}.conf`)}`,
          `--hostname-override=${plan.name}`,
          `--node-ip=${plan.address}`,
        ],
      },
      { name: 'kube-proxy', argv: ['kube-proxy', `--config=${file('proxy.yaml')}`] },
    ];
  }

  #writeFiles(): void {
    const { parts, place, plan } = this.#options;
    const pki = join(place.state, 'pki');
    mkdirSync(this.#own, { recursive: true });
    const files = {
      'cni.conflist': cniConfig(plan),
      'containerd.toml': containerdConfig(parts.runc),
      'kubelet.yaml': kubeletConfig(plan, pki),
      'proxy.yaml': proxyConfig(plan, pki),
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#own, name), text);
  }
}
