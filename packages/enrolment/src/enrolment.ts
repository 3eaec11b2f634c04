import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import {
  type ApplyOptions,
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
import {
  ENROL_RETRY_FIRST_MS,
  ENROL_RETRY_LONGEST_MS,
  LEAVING_POLL_MS,
  PEERS_INFORMED_MS,
  PROXY_INFORMED_MS,
} from './limits.ts';
import { localAddresses } from './local-addresses.ts';
import { connectionsThroughProxy, tcpSockets } from './open-connections.ts';

/** Where a pod stands: outside the mesh, on its way in, inside, or inside for what is still open while new connections pass by. */
export type EnrolmentState = 'out' | 'joining' | 'in' | 'leaving';

export interface EnrolledPod {
  readonly uid: string;
  readonly info: PodInfo;
  readonly ips: readonly IpAddress[];
  /** Descriptor of the network namespace. */
  readonly namespace: number;
}

export interface EnrolmentContext {
  readonly agent: Pick<ZdsAgent, 'add' | 'remove'>;
  readonly probes: Pick<HostProbes, 'add' | 'remove'>;
  readonly clock: Clock;
  /** The pod's own choices among what is redirected. */
  readonly redirection: () => PodRedirection;
  /** Tells the controller whether the pod speaks HBONE. Resolves when it is told, and need not when it is told otherwise meanwhile. */
  readonly publish: (captured: boolean) => Promise<void>;
  readonly report: (error: AmbitError) => void;
  /** Where the proc file system is writable. Default `/proc`; a container needs the host's. */
  readonly proc?: string;
  /** Milliseconds that connections through the proxy get to end when the pod leaves. Default: as long as they live. */
  readonly leaveDeadline?: () => number;
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
  #trouble: AmbitError | undefined;
  /** Ends what is waited for when what is wanted changes. */
  #wake: () => void = () => undefined;
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

  /** Whether plaintext that comes to the pod is redirected now, all of it that is new. */
  get plaintextRedirected(): boolean {
    return this.#state === 'in' && this.#written?.bypassInbound === false;
  }

  /** Whether the pod is wanted in the mesh. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** What keeps the pod from being where it is wanted; undefined when it is there, or nothing went wrong so far. */
  get trouble(): AmbitError | undefined {
    return this.#trouble;
  }

  /** From now on the pod runs: it may have connections that must not break. */
  started(): void {
    this.#running = true;
  }

  /** The pod was redirected by an earlier agent, as `written` says, and still is: it counts as being in. */
  adopt(written: PodRedirection): void {
    if (this.#state !== 'out' || this.#gone) return;
    const { agent, probes, publish } = this.#context;
    this.#running = true;
    this.#written = written;
    this.#state = 'in';
    this.#wanted = true;
    const watch = (what: string, step: Promise<void>): void => {
      step.catch((error: unknown) => {
        if (this.#isWanted()) this.#report(what, error);
      });
    };
    watch('be served', agent.add({ ...this.#pod, plaintextRedirected: this.plaintextRedirected }));
    watch('be announced', publish(true));
    try {
      prepareInPod(this.#captured(), this.#where());
      for (const ip of this.#pod.ips) probes.add(ip, this.#pod.uid);
    } catch (error) {
      this.#report('be probed by kubelet', error);
    }
  }

  /** Says where the pod should be. What is under way is finished or turned round. */
  want(captured: boolean): void {
    if (this.#gone || this.#wanted === captured) return;
    this.#wanted = captured;
    this.#wake();
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

  /**
   * Looks at the rules of an enrolled pod, writes them again when something else has changed them or the pod's annotations
   * ask for others, and returns and reports what was wrong. Throws when they cannot be read or written.
   */
  repair(): string[] {
    if (this.#state !== 'in' || this.#gone || this.#written === undefined) return [];
    const redirection = this.#context.redirection();
    const problems = verifyInPod(this.#captured(), redirection);
    if (problems.length === 0) return [];
    const asked = JSON.stringify(redirection) !== JSON.stringify(this.#written);
    applyInPod(this.#captured(), redirection, this.#where());
    this.#written = redirection;
    // Something may have come in past the proxy meanwhile.
    this.#tellRedirected();
    if (asked) return [];
    this.#report('keep its rules', `${problems.join('; ')}: they are written again`);
    this.#trouble = undefined;
    return problems;
  }

  /** The pod is being deleted: the proxy forgets it, its rules go with its namespace. */
  async remove(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    this.#wanted = false;
    this.#wake();
    if (this.#state === 'out') return;
    this.#stopProbes();
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
      prepareInPod(this.#captured(), this.#where());
      if (this.#state === 'joining') await agent.add({ ...this.#pod });
      if (!this.#isWanted()) return;
      // Probes are let through before they could be redirected.
      for (const ip of this.#pod.ips) probes.add(ip, this.#pod.uid);
      if (this.#running) {
        await this.#unlessTurned(publish(true));
        await this.#pause(PEERS_INFORMED_MS);
      }
      if (!this.#isWanted()) return;
      const redirection = this.#context.redirection();
      applyInPod(this.#captured(), redirection, this.#where());
      this.#written = redirection;
      this.#state = 'in';
      this.#tellRedirected();
      this.#trouble = undefined;
      this.#retryPause = ENROL_RETRY_FIRST_MS;
      // Nobody waits: the pod may start before the controller has heard of it.
      if (!this.#running) publish(true).catch((error: unknown) => this.#report('be announced', error));
    } catch (error) {
      if (!this.#isWanted()) return;
      this.#report('enter the mesh', error);
      await this.#unlessTurned(this.#pause(this.#retryPause));
      this.#retryPause = Math.min(this.#retryPause * 2, ENROL_RETRY_LONGEST_MS);
    }
  }

  async #goOut(): Promise<void> {
    const { agent, clock, publish } = this.#context;
    try {
      // From now on plaintext may go past the proxy, so none may be reset for it.
      if (this.plaintextRedirected)
        await agent.add({ ...this.#pod }, { patience: PROXY_INFORMED_MS }).catch(() => undefined);
      if (this.#isTurned()) {
        if (this.#isWanted()) this.#tellRedirected();
        return;
      }
      if (this.#state === 'in' && this.#written !== undefined) releaseInPod(this.#captured(), this.#written);
      this.#state = 'leaving';
      await this.#unlessTurned(publish(false));
      const informedAt = clock.now() + PEERS_INFORMED_MS;
      const since = clock.now();
      const mayStay = (): boolean =>
        clock.now() - since < (this.#context.leaveDeadline?.() ?? Number.POSITIVE_INFINITY);
      while (!this.#isTurned() && (clock.now() < informedAt || (mayStay() && this.#open() > 0)))
        await this.#unlessTurned(this.#pause(LEAVING_POLL_MS));
      if (this.#isTurned()) return;
      this.#stopProbes();
      await agent.remove(this.#pod.uid);
      if (this.#written !== undefined) removeFromPod(this.#captured(), this.#written);
      this.#written = undefined;
      this.#state = 'out';
      this.#trouble = undefined;
    } catch (error) {
      if (this.#gone) return;
      this.#report('leave the mesh', error);
      await this.#unlessTurned(this.#pause(ENROL_RETRY_LONGEST_MS));
    }
  }

  /** Nobody waits: what the proxy does with it concerns connections that it has never seen. */
  #tellRedirected(): void {
    const { agent } = this.#context;
    agent.add({ ...this.#pod, plaintextRedirected: this.plaintextRedirected }).catch((error: unknown) => {
      if (this.#isWanted()) this.#report('have its older connections judged', error);
    });
  }

  #stopProbes(): void {
    for (const ip of this.#pod.ips) {
      try {
        this.#context.probes.remove(ip, this.#pod.uid);
      } catch (error) {
        this.#report('give back its address', error);
      }
    }
  }

  #open(): number {
    const { ips, namespace } = this.#pod;
    return connectionsThroughProxy(tcpSockets(namespace), new Set([...ips, ...localAddresses(namespace)]));
  }

  #captured(): CapturedPod {
    const { info, namespace } = this.#pod;
    return { namespace, name: `${info.namespace}/${info.name}` };
  }

  #where(): ApplyOptions {
    const { proc } = this.#context;
    return proc === undefined ? {} : { proc };
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#context.clock.setTimeout(resolve, milliseconds));
  }

  #unlessTurned(step: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      step.then(resolve, reject);
    });
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
    this.#trouble = new AmbitError('AMBIT_ENROLMENT', message, { cause: error, retryable: true });
    this.#context.report(this.#trouble);
  }
}
