import { join } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Container, Pod } from '@ambit/translation/objects';
import { findImage, type Images } from './images.ts';
import { RESTART_FIRST_MS, RESTART_LONGEST_MS } from './limits.ts';
import { type Exit, NamespacedProcess, type ProcessPlace, type ProcessPlan } from './process.ts';
import type { PodVolumes } from './volumes.ts';

/** What a container gets from its pod. */
export interface ContainerContext {
  readonly place: ProcessPlace;
  readonly pod: Pod;
  /** What `fieldRef` can name, by path. */
  readonly fields: Readonly<Record<string, string>>;
  readonly images: Images;
  readonly volumes: PodVolumes;
  /** Folder of the log file. */
  readonly logs: string;
  readonly clock: Clock;
}

/** The process that a container stands for; undefined for one that runs nothing. Throws `AMBIT_BED_IMAGE`. */
export function containerPlan(container: Container, context: ContainerContext): ProcessPlan | undefined {
  const image = findImage(context.images, container.image ?? '');
  if (image === undefined) return undefined;
  const command = [...(container.command ?? image.command ?? []), ...(container.args ?? [])];
  const environment = Object.fromEntries(
    (container.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      value ?? context.fields[valueFrom?.fieldRef?.fieldPath ?? ''] ?? '',
    ]),
  );
  return {
    command,
    environment: { ...image.environment, ...environment },
    directory: join(image.directory, container.workingDir ?? ''),
  };
}

/** Where the container's processes run: the pod's place, with the container's volumes. Throws `AMBIT_BED_VOLUME`. */
export function containerPlace(container: Container, { place, volumes }: ContainerContext): ProcessPlace {
  return { ...place, files: { ...volumes.mountsOf(container), ...place.files } };
}

export interface ContainerEvents {
  /** The process started or ended. */
  readonly onChange: () => void;
  /** The process ended by itself and was started again. */
  readonly onRestart: () => void;
}

/** Runs a container's process and starts it again when it ends, as the pod's restart policy says. */
export class ContainerRunner {
  readonly #plan: ProcessPlan;
  readonly #place: ProcessPlace;
  readonly #context: ContainerContext;
  readonly #log: string;
  readonly #events: ContainerEvents;
  #process: NamespacedProcess | undefined;
  #lastExit: Exit | undefined;
  #pause: number = RESTART_FIRST_MS;
  #restart: Timer | undefined;
  #stopping = false;

  constructor(container: Container, plan: ProcessPlan, context: ContainerContext, events: ContainerEvents) {
    this.#plan = plan;
    this.#place = containerPlace(container, context);
    this.#context = context;
    this.#log = join(
      context.logs,
      `${context.pod.metadata.namespace}.${context.pod.metadata.name}.${container.name}.log`,
    );
    this.#events = events;
    this.#start();
  }

  get process(): NamespacedProcess | undefined {
    return this.#process;
  }

  get running(): boolean {
    return this.#process?.running === true;
  }

  /** How it ended for good; undefined while it runs or will be started again. */
  get ended(): Exit | undefined {
    return this.#lastExit;
  }

  /** Ends the process; it is started again like one that ended by itself. */
  async restart(grace: number): Promise<void> {
    await this.#process?.stop(grace);
  }

  /** Ends it for good. Idempotent. */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    this.#restart?.cancel();
    await this.#process?.stop(grace);
  }

  #start(): void {
    const { clock } = this.#context;
    const process = new NamespacedProcess(this.#place, this.#plan, this.#log, clock);
    this.#process = process;
    const startedAt = clock.now();
    void process.exited.then((exit) => this.#ended(exit, clock.now() - startedAt));
  }

  #ended(exit: Exit, lasted: number): void {
    const policy = this.#context.pod.spec.restartPolicy ?? 'Always';
    const again = policy === 'Always' || (policy === 'OnFailure' && exit.code !== 0);
    if (this.#stopping || !again) this.#lastExit = exit;
    else {
      if (lasted > RESTART_LONGEST_MS) this.#pause = RESTART_FIRST_MS;
      this.#restart = this.#context.clock.setTimeout(() => {
        this.#start();
        this.#events.onRestart();
        this.#events.onChange();
      }, this.#pause);
      this.#pause = Math.min(this.#pause * 2, RESTART_LONGEST_MS);
    }
    this.#events.onChange();
  }
}
