import type { IpAddress } from '@ambit/core/address';
import { messageOf } from '@ambit/core/errors';
import type { Container, PodStatus, Probe } from '@ambit/translation/objects';
import { type ContainerContext, ContainerRunner, containerPlace, containerPlan } from './container.ts';
import { checkProbes, type ProbeTarget, tryProbe } from './probe.ts';
import { Prober } from './prober.ts';
import { type NamespacedProcess, runToEnd } from './process.ts';

export interface ContainerEvents {
  readonly onChange: () => void;
  readonly report: (message: string) => void;
}

/** Milliseconds that an init container may take. */
const INIT_TIMEOUT_MS = 120_000;

interface RunningContainer {
  readonly container: Container;
  /** Undefined for a container that runs nothing. */
  readonly runner: ContainerRunner | undefined;
  readonly probers: Prober[];
  /** What the readiness probe says; true without one. */
  passing: boolean;
}

/** The containers of one pod: init containers one after the other, then all others together, with their probes. */
export class PodContainers {
  readonly #context: ContainerContext;
  readonly #reach: { readonly node: number; readonly ip: IpAddress };
  readonly #events: ContainerEvents;
  readonly #running: RunningContainer[] = [];
  #started = false;
  #stopping = false;

  constructor(context: ContainerContext, reach: { node: number; ip: IpAddress }, events: ContainerEvents) {
    this.#context = context;
    this.#reach = reach;
    this.#events = events;
  }

  get ready(): boolean {
    return (
      this.#started && this.#running.every(({ runner, passing }) => passing && (runner === undefined || runner.running))
    );
  }

  get phase(): NonNullable<PodStatus['phase']> {
    if (!this.#started) return 'Pending';
    const ends = this.#running.map(({ runner }) => runner?.ended);
    if (ends.length === 0 || ends.includes(undefined)) return 'Running';
    return ends.every((end) => end?.code === 0) ? 'Succeeded' : 'Failed';
  }

  /** Resolves when all containers run. Throws `AMBIT_BED_IMAGE` or `AMBIT_BED_PROBE` before anything has started. */
  async start(): Promise<void> {
    const { pod } = this.#context;
    checkProbes(pod);
    const plans = pod.spec.containers.map((container) => ({
      container,
      plan: containerPlan(container, this.#context),
    }));
    for (const container of pod.spec.initContainers ?? []) await this.#initialise(container);
    if (this.#stopping) return;
    for (const { container, plan } of plans) {
      const runner =
        plan &&
        new ContainerRunner(container, plan, this.#context, {
          onChange: () => this.#events.onChange(),
          onRestart: () => this.#probeAnew(running),
        });
      const running: RunningContainer = {
        container,
        runner,
        probers: [],
        passing: container.readinessProbe === undefined,
      };
      this.#running.push(running);
      this.#probe(running);
    }
    this.#started = true;
  }

  process(container?: string): NamespacedProcess | undefined {
    const found = this.#running.find((candidate) => container === undefined || candidate.container.name === container);
    return found?.runner?.process;
  }

  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    for (const { probers } of this.#running) for (const prober of probers) prober.stop();
    const runners = this.#running.flatMap(({ runner }) => (runner === undefined ? [] : [runner]));
    await Promise.all(runners.map((runner) => runner.stop(grace)));
  }

  async #initialise(container: Container): Promise<void> {
    const plan = containerPlan(container, this.#context);
    if (plan === undefined) return;
    const { clock } = this.#context;
    const { code, stderr } = await runToEnd(containerPlace(container, this.#context), plan, clock, INIT_TIMEOUT_MS);
    if (code !== 0)
      throw new Error(`init container ${container.name} ended with ${code ?? 'a signal'}: ${stderr.slice(-300)}`);
  }

  #probe(running: RunningContainer): void {
    const { container } = running;
    const { startupProbe } = container;
    if (startupProbe === undefined) return this.#probeOn(running);
    const prober = this.#prober(startupProbe, false, running, (passing, why) => {
      if (!passing) return void this.#restart(running, 'startup', why);
      prober.stop();
      this.#probeOn(running);
    });
    running.probers.push(prober);
  }

  #probeOn(running: RunningContainer): void {
    const { readinessProbe, livenessProbe } = running.container;
    if (readinessProbe !== undefined) {
      const prober = this.#prober(readinessProbe, true, running, (passing) => {
        running.passing = passing;
        this.#events.onChange();
      });
      running.probers.push(prober);
    }
    if (livenessProbe !== undefined) {
      const prober = this.#prober(livenessProbe, false, running, (passing, why) => {
        if (!passing) void this.#restart(running, 'liveness', why);
      });
      running.probers.push(prober);
    }
  }

  #prober(
    probe: Probe,
    eager: boolean,
    { container }: RunningContainer,
    onVerdict: (passing: boolean, why: string) => void,
  ): Prober {
    const { clock } = this.#context;
    const place = containerPlace(container, this.#context);
    const target: ProbeTarget = {
      ...this.#reach,
      clock,
      container,
      exec: async (command, timeout) => (await runToEnd(place, { command }, clock, timeout)).code,
    };
    return new Prober(probe, { clock, eager }, () => tryProbe(probe, target), onVerdict);
  }

  /** A container that was started again has to show again that it is ready. */
  #probeAnew(running: RunningContainer): void {
    if (this.#stopping) return;
    for (const prober of running.probers.splice(0)) prober.stop();
    running.passing = running.container.readinessProbe === undefined;
    this.#probe(running);
  }

  /** Ends the container as kubelet would; the runner starts it again. */
  async #restart(running: RunningContainer, probe: string, why: string): Promise<void> {
    this.#events.report(
      `container ${running.container.name} is restarted, its ${probe} probe fails: ${messageOf(why)}`,
    );
    for (const prober of running.probers.splice(0)) prober.stop();
    await running.runner?.restart(1_000);
  }
}
