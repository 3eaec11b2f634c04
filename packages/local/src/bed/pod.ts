import { join } from 'node:path';
import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { Enrolment } from '@ambit/enrolment/enrolment';
import type { HostProbes } from '@ambit/enrolment/host-probes';
import { redirectionOf } from '@ambit/enrolment/redirection';
import { objectName, type Pod } from '@ambit/translation/objects';
import type { ZdsAgent } from '@ambit/zds/agent';
import { NODE_ADDRESSES, type NodeName } from './address-plan.ts';
import type { Images } from './images.ts';
import { DEFAULT_GRACE_SECONDS } from './limits.ts';
import { PodContainers } from './pod-containers.ts';
import type { PodLink } from './pod-link.ts';
import { observedPod } from './pod-status.ts';
import { NamespacedProcess, type ProcessPlace, type ProcessPlan, type RunResult, runToEnd } from './process.ts';
import { PodVolumes, type VolumeSources } from './volumes.ts';

/** What a pod gets from its node and from the bed. */
export interface PodContext {
  readonly node: { readonly name: NodeName; readonly namespace: number };
  readonly agent: ZdsAgent;
  readonly probes: HostProbes;
  readonly images: Images;
  readonly volumes: VolumeSources;
  readonly logs: string;
  /** Files that every process of the pod sees in place of the machine's. */
  readonly files: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Something that others see of the pod has changed. */
  readonly onChange: () => void;
  readonly report: (error: AmbitError) => void;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Milliseconds; default 30 s. */
  readonly timeout?: number;
}

/** A pod of the bed: a network namespace on one of the nodes, with the processes of its containers. */
export class BedPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ip: IpAddress;
  readonly node: NodeName;
  /** Descriptor of the pod's network namespace. */
  readonly networkNamespace: number;
  readonly enrolment: Enrolment;
  readonly #context: PodContext;
  readonly #link: PodLink;
  readonly #place: ProcessPlace;
  readonly #extra = new Set<NamespacedProcess>();
  readonly #startedAt: string;
  #wanted: Pod;
  #containers: PodContainers | undefined;
  #volumes: PodVolumes | undefined;
  #published = false;
  #deletedAt: string | undefined;
  #removal: Promise<void> | undefined;
  #failure: Error | undefined;
  #readyWaiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(wanted: Pod, uid: string, link: PodLink, context: PodContext) {
    this.key = objectName(wanted.metadata);
    this.name = wanted.metadata.name;
    this.namespace = wanted.metadata.namespace;
    this.uid = uid;
    this.ip = link.ip;
    this.node = context.node.name;
    this.networkNamespace = link.namespace;
    this.#wanted = wanted;
    this.#context = context;
    this.#link = link;
    this.#place = { namespace: link.namespace, hostname: wanted.spec.hostname ?? this.name, files: context.files };
    this.#startedAt = new Date(context.clock.wallTime()).toISOString();
    const info = { name: this.name, namespace: this.namespace, serviceAccount: this.serviceAccount };
    this.enrolment = new Enrolment(
      { uid, info, ips: [this.ip], namespace: link.namespace },
      {
        agent: context.agent,
        probes: context.probes,
        clock: context.clock,
        // The bed's pods have IPv4 addresses alone.
        redirection: () => redirectionOf(this.#wanted.metadata.annotations, { dns: true, ipv6: false }),
        publish: (captured) => {
          this.#published = captured;
          this.#changed();
          return Promise.resolve();
        },
        report: context.report,
      },
    );
  }

  get serviceAccount(): string {
    return this.#wanted.spec.serviceAccountName ?? 'default';
  }

  /** What was wanted of the pod, by manifest or plan. */
  get wanted(): Pod {
    return this.#wanted;
  }

  get ready(): boolean {
    return this.#deletedAt === undefined && this.#containers?.ready === true;
  }

  get deleting(): boolean {
    return this.#deletedAt !== undefined;
  }

  /** The Pod as the controller is told of it. */
  get object(): Pod {
    return observedPod(this.#wanted, {
      uid: this.uid,
      node: this.node,
      ip: this.ip,
      phase: this.#containers?.phase ?? 'Pending',
      // As kubelet has it: what its probes say, also of a pod that is on its way out.
      ready: this.#containers?.ready === true,
      captured: this.#published,
      startedAt: this.#startedAt,
      deletedAt: this.#deletedAt,
    });
  }

  /** New labels or annotations. What runs goes on; a changed `spec` is not looked at. */
  rewrite(wanted: Pod): void {
    this.#wanted = { ...wanted, spec: this.#wanted.spec };
    this.#changed();
  }

  /** Starts the containers. Throws `AMBIT_BED_IMAGE`, `AMBIT_BED_PROBE` or `AMBIT_BED_VOLUME` when that is not possible. */
  async begin(): Promise<void> {
    const { clock, images, logs, node } = this.#context;
    const { name, uid, namespace, serviceAccount } = this;
    const subject = { namespace, serviceAccount, pod: { name, uid }, node: this.node };
    const volumes = new PodVolumes(this.#wanted, subject, this.#context.volumes);
    this.#volumes = volumes;
    const containers = new PodContainers(
      { place: this.#place, pod: this.#wanted, fields: this.#fields(), images, volumes, logs, clock },
      { node: node.namespace, ip: this.ip },
      { onChange: () => this.#changed(), report: (message) => this.#report(message) },
    );
    this.#containers = containers;
    this.enrolment.started();
    await containers.start();
    this.#changed();
  }

  /** Resolves when the pod is ready; rejects when it is found out that it will never be. */
  async whenReady(): Promise<void> {
    if (this.ready) return;
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => this.#readyWaiters.push({ resolve, reject }));
  }

  /** The containers cannot be started; the pod stays as it is until it is deleted. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#readyWaiters.splice(0)) reject(error);
  }

  /** Runs a command inside the pod to its end. */
  run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runToEnd(this.#place, { command, ...planOf(options) }, this.#context.clock, options.timeout ?? 30_000);
  }

  /** Starts a command inside the pod; it ends with the pod at the latest. */
  start(command: readonly string[], options: Omit<RunOptions, 'timeout'> = {}): NamespacedProcess {
    const log = join(
      this.#context.logs,
      `${this.namespace}.${this.name}.${command[0]?.split('/').at(-1) ?? ''}.${this.#extra.size}.log`,
    );
    const process = new NamespacedProcess(this.#place, { command, ...planOf(options) }, log, this.#context.clock);
    this.#extra.add(process);
    return process;
  }

  /** The process of a container; by default of the first. Undefined while there is none. */
  process(container?: string): NamespacedProcess | undefined {
    return this.#containers?.process(container);
  }

  /** Deletes the pod: it leaves the Services, its processes get their grace (default: the pod's own), its namespace goes. */
  remove(grace?: number): Promise<void> {
    this.#removal ??= this.#remove(
      grace ?? (this.#wanted.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1_000,
    );
    return this.#removal;
  }

  async #remove(grace: number): Promise<void> {
    for (const { reject } of this.#readyWaiters.splice(0))
      reject(new AmbitError('AMBIT_BED_POD', `pod ${this.key} is deleted`));
    this.#deletedAt = new Date(this.#context.clock.wallTime()).toISOString();
    this.#changed();
    for (const process of this.#extra) process.kill();
    await this.#containers?.stop(grace);
    await Promise.all([...this.#extra].map((process) => process.exited));
    await this.enrolment.remove();
    this.#volumes?.close();
    this.#link.close();
  }

  #changed(): void {
    if (this.ready) for (const { resolve } of this.#readyWaiters.splice(0)) resolve();
    this.#context.onChange();
  }

  #report(message: string): void {
    this.#context.report(new AmbitError('AMBIT_BED_POD', `pod ${this.key}: ${messageOf(message)}`));
  }

  #fields(): Record<string, string> {
    return {
      'metadata.name': this.name,
      'metadata.namespace': this.namespace,
      'metadata.uid': this.uid,
      'spec.nodeName': this.node,
      'spec.serviceAccountName': this.serviceAccount,
      'status.hostIP': NODE_ADDRESSES[this.node].ip,
      'status.podIP': this.ip,
      'status.podIPs': this.ip,
    };
  }
}

function planOf({ environment, directory }: RunOptions): Omit<ProcessPlan, 'command'> {
  return { ...(environment && { environment }), ...(directory !== undefined && { directory }) };
}
