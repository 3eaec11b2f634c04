import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import {
  applyInPod,
  type CapturedPod,
  prepareInPod,
  releaseInPod,
  removeFromPod,
  verifyInPod,
} from '@ambit/capture/apply';
import type { PodRedirection } from '@ambit/capture/pod-rules';
import type { ZdsAgent } from '@ambit/zds/agent';
import type { PodInfo } from '@ambit/zds/messages';
import type { HostProbes } from './host-probes.ts';
import { ENROL_RETRY_FIRST_MS, ENROL_RETRY_LONGEST_MS, LEAVING_POLL_MS, PEERS_INFORMED_MS } from './limits.ts';
import { connectionsThroughProxy, tcpSockets } from './open-connections.ts';

/** Where a pod stands: outside the mesh, on its way in, inside, or inside for what is still open while new connections pass by. */
export type EnrolmentState = 'out' | 'joining' | 'in' | 'leaving';

export interface EnrolledPod {
  readonly uid: string;
  readonly info: PodInfo;
  readonly ip: IpAddress;
  /** Descriptor of the network namespace. */
  readonly namespace: number;
}

export interface EnrolmentContext {
  readonly agent: ZdsAgent;
  readonly probes: HostProbes;
  readonly clock: Clock;
  /** The pod's own choices among what is redirected. */
  readonly redirection: () => PodRedirection;
  /** Tells the controller whether the pod speaks HBONE. */
  readonly publish: (captured: boolean) => void;
  readonly report: (error: AmbitError) => void;
}

/**
 * Takes one pod into the mesh and out again, while it runs and without breaking a connection.
 *
 * In: the proxy listens first, then peers learn that the pod speaks HBONE, and only then traffic is redirected; the other
 * way round a connection would meet a port on which nobody listens, or a peer's plaintext the refusal of STRICT. What is
 * open stays as it is, because only a connection's first SYN is redirected. A pod that does not run yet has nothing to lose
 * and is redirected at once, so that nothing leaves it in the clear.
 *
 * Out: nothing new is redirected first, then peers are told, then what passes through the proxy may end in its own time,
 * and only then the proxy and the rules go.
 */
export class Enrolment {
  readonly #pod: EnrolledPod;
  readonly #context: EnrolmentContext;
  #state: EnrolmentState = 'out';
  #wanted = false;
  #running = false;
  #gone = false;
  #working: Promise<void> = Promise.resolve();
  #retryPause: number = ENROL_RETRY_FIRST_MS;
  /** What is written in the pod, so that the same is taken away. */
  #written: PodRedirection | undefined;

  constructor(pod: EnrolledPod, context: EnrolmentContext) {
    this.#pod = pod;
    this.#context = context;
  }

  get state(): EnrolmentState {
    return this.#state;
  }

  /** Whether traffic of the pod is redirected now. */
  get captured(): boolean {
    return this.#state === 'in';
  }

  /** From now on the pod runs: it may have connections that must not break. */
  started(): void {
    this.#running = true;
  }

  /** Says where the pod should be. What is under way is finished or turned round. */
  want(captured: boolean): void {
    if (this.#gone || this.#wanted === captured) return;
    this.#wanted = captured;
    // An Add that waits for a proxy would wait on.
    if (!captured && this.#state === 'joining') void this.#forget();
    this.#working = this.#working.then(() => this.#work());
  }

  /** Resolves when the pod is where it was last wanted, which may take as long as its connections live. */
  async settled(): Promise<void> {
    for (let last; last !== this.#working; ) {
      last = this.#working;
      await last;
    }
  }

  /** Writes the rules of an enrolled pod again when something else has changed them, and reports what was wrong. */
  repair(): void {
    if (this.#state !== 'in' || this.#gone || this.#written === undefined) return;
    const problems = verifyInPod(this.#captured(), this.#written);
    if (problems.length === 0) return;
    applyInPod(this.#captured(), this.#written);
    this.#report('keep its rules', `${problems.join('; ')}: they are written again`);
  }

  /** The pod is being deleted: the proxy forgets it, its rules go with its namespace. */
  async remove(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    this.#wanted = false;
    if (this.#state === 'out') return;
    this.#context.probes.remove(this.#pod.ip, this.#pod.uid);
    await this.#forget();
    this.#state = 'out';
  }

  async #work(): Promise<void> {
    while (!this.#gone && this.#state !== (this.#wanted ? 'in' : 'out')) {
      if (this.#wanted) await this.#goIn();
      else await this.#goOut();
    }
  }

  async #forget(): Promise<void> {
    try {
      await this.#context.agent.remove(this.#pod.uid);
    } catch (error) {
      this.#report('leave the proxy', error);
    }
  }

  async #goIn(): Promise<void> {
    const { agent, probes, publish } = this.#context;
    try {
      if (this.#state === 'out') this.#state = 'joining';
      prepareInPod(this.#captured());
      if (this.#state === 'joining') await agent.add({ ...this.#pod, namespace: this.#pod.namespace });
      // Probes are let through before they could be redirected.
      probes.add(this.#pod.ip, this.#pod.uid);
      if (this.#running) {
        publish(true);
        await this.#pause(PEERS_INFORMED_MS);
      }
      if (!this.#isWanted()) return;
      const redirection = this.#context.redirection();
      applyInPod(this.#captured(), redirection);
      this.#written = redirection;
      this.#state = 'in';
      this.#retryPause = ENROL_RETRY_FIRST_MS;
      publish(true);
    } catch (error) {
      if (!this.#isWanted()) return;
      this.#report('enter the mesh', error);
      await this.#pause(this.#retryPause);
      this.#retryPause = Math.min(this.#retryPause * 2, ENROL_RETRY_LONGEST_MS);
    }
  }

  async #goOut(): Promise<void> {
    const { agent, clock, probes, publish } = this.#context;
    try {
      if (this.#state === 'in' && this.#written !== undefined) releaseInPod(this.#captured(), this.#written);
      this.#state = 'leaving';
      publish(false);
      const informedAt = clock.now() + PEERS_INFORMED_MS;
      while (!this.#isTurned() && (clock.now() < informedAt || this.#open() > 0)) await this.#pause(LEAVING_POLL_MS);
      if (this.#isTurned()) return;
      probes.remove(this.#pod.ip, this.#pod.uid);
      await agent.remove(this.#pod.uid);
      if (this.#written !== undefined) removeFromPod(this.#captured(), this.#written);
      this.#written = undefined;
      this.#state = 'out';
    } catch (error) {
      if (this.#gone) return;
      this.#report('leave the mesh', error);
      await this.#pause(ENROL_RETRY_LONGEST_MS);
    }
  }

  #open(): number {
    return connectionsThroughProxy(tcpSockets(this.#pod.namespace), new Set([this.#pod.ip]));
  }

  #captured(): CapturedPod {
    const { info, namespace } = this.#pod;
    return { namespace, name: `${info.namespace}/${info.name}` };
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#context.clock.setTimeout(resolve, milliseconds));
  }

  // These change while something is awaited.
  #isWanted(): boolean {
    return this.#wanted && !this.#gone;
  }

  #isTurned(): boolean {
    return this.#wanted || this.#gone;
  }

  #report(what: string, error: unknown): void {
    const { info } = this.#pod;
    const message = `pod ${info.namespace}/${info.name} cannot ${what}: ${messageOf(error)}`;
    this.#context.report(new AmbitError('AMBIT_BED_ENROLMENT', message, { cause: error, retryable: true }));
  }
}
