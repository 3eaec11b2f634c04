import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IpAddress } from '@ambit/core/address';
import type { HostRedirection } from '@ambit/capture/host-rules';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { HostProbes } from '@ambit/enrolment/host-probes';
import { ZdsAgent } from '@ambit/zds/agent';
import { AddressPool, NODE_ADDRESSES, type NodeName } from './address-plan.ts';
import { layPodLink, type PodLink } from './pod-link.ts';
import type { BedPod } from './pod.ts';
import type { PodPlan } from './pod-plan.ts';
import type { Proxy } from './proxy.ts';

/** In the bed everything that the node itself sends is kubelet's, and has its uid, 0. */
const HOST: HostRedirection = { kubeletUid: 0, ipv6: false };

export interface NodeOptions {
  readonly name: NodeName;
  /** Descriptor of the node's network namespace. */
  readonly namespace: number;
  /** Folder of the node; made when it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly run: (plan: PodPlan) => Promise<BedPod>;
  readonly report: (error: AmbitError) => void;
}

/** A node: a network namespace with a node agent, pods behind it, and one proxy, or two during an upgrade. */
export class BedNode {
  readonly name: NodeName;
  readonly ip: IpAddress;
  readonly namespace: number;
  readonly agent: ZdsAgent;
  readonly probes: HostProbes;
  readonly directory: string;
  /** In the order of their start. */
  readonly proxies: Proxy[] = [];
  readonly #run: (plan: PodPlan) => Promise<BedPod>;
  readonly #addresses: AddressPool;
  #links = 0;

  static async create(options: NodeOptions): Promise<BedNode> {
    mkdirSync(options.directory, { recursive: true });
    const agent = await ZdsAgent.listen({
      path: socketPath(options.directory),
      clock: options.clock,
      onConnectionsReset: (uid, message) =>
        options.report(new AmbitError('AMBIT_PLAINTEXT_RESET', `pod ${uid} of node ${options.name}: ${message}`)),
      onProblem: ({ code, message }) =>
        options.report(new AmbitError(code, `agent of node ${options.name}: ${message}`)),
    });
    return new BedNode(options, agent);
  }

  private constructor({ name, namespace, directory, run }: NodeOptions, agent: ZdsAgent) {
    this.name = name;
    this.ip = NODE_ADDRESSES[name].ip;
    this.namespace = namespace;
    this.directory = directory;
    this.#run = run;
    this.agent = agent;
    this.probes = new HostProbes(namespace, HOST);
    this.#addresses = new AddressPool(NODE_ADDRESSES[name].podPrefix, 2);
  }

  /** Path of the node agent's socket. */
  get zdsSocket(): string {
    return socketPath(this.directory);
  }

  /** The proxy that serves new pods. Throws `AMBIT_BED_NO_PROXY`. */
  get proxy(): Proxy {
    const newest = this.proxies.at(-1);
    if (newest === undefined) throw new AmbitError('AMBIT_BED_NO_PROXY', `node ${this.name} has no proxy`);
    return newest;
  }

  /** Runs a pod that stands in no manifest. Resolves when it is ready. */
  pod(plan: PodPlan): Promise<BedPod> {
    return this.#run(plan);
  }

  /** A network namespace for a pod, joined to the node. */
  link(owner: string, wanted?: IpAddress): PodLink {
    const ip = this.#addresses.take(owner, wanted);
    this.#links += 1;
    const link = layPodLink(this, `pod${this.#links}`, ip);
    return {
      ...link,
      close: () => {
        link.close();
        this.#addresses.giveBack(ip);
      },
    };
  }

  async close(): Promise<void> {
    await this.agent.close();
  }
}

function socketPath(directory: string): string {
  return join(directory, 'ztunnel.sock');
}
