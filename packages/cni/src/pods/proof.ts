import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { HostProbes } from '@ambit/enrolment/host-probes';
import type { Logger } from '@ambit/core/log';
import { PODS, RECONCILES, UNPROVEN } from '../metric-families.ts';
import type { AgentMetrics } from '../metrics.ts';
import { missingListeners } from './listeners.ts';
import type { NodePod } from './node-pod.ts';
import type { NodePods } from './node-pods.ts';
import type { PodMember } from './pod-member.ts';

export interface ProofOptions {
  readonly pods: NodePods;
  readonly probes: HostProbes;
  /** Node proxies that are connected. */
  readonly proxies: () => number;
  /** Whether the API server's copy of the node's pods is current and lacks this one. */
  readonly isGone: (pod: NodePod) => boolean;
  /** Says of a pod that belongs into the mesh why it is not shown to be. */
  readonly onUnproven: (pod: NodePod, why: string) => void;
  /** Whether the mesh is being taken off the node. */
  readonly isLeaving: () => boolean;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: AgentMetrics;
}

const STATES = ['in', 'joining', 'leaving'] as const;

/** Proves every enrolment from inside the pod, again and again, mends what it can, and names what it cannot. */
export class Proof implements Drainable {
  readonly #options: ProofOptions;
  /** Uids of pods whose proxy did not listen at the last look. */
  #deaf = new Set<string>();
  /** Uids of pods that were on their way at the last look: where all is well that takes a second. */
  #underWay = new Set<string>();
  /** Uids of pods that the API server did not have at the last look. */
  #missing = new Set<string>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: ProofOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      void this.round().finally(() => {
        if (!this.#stopped) this.start();
      });
    }, this.#options.interval);
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** One look at everything. Never rejects. */
  async round(): Promise<void> {
    const { metrics, onUnproven, pods } = this.#options;
    if (!this.#options.isLeaving()) this.#proveHost();
    const deaf = new Set<string>();
    const missing = new Set<string>();
    const underWay = new Set<string>();
    const states = { in: 0, joining: 0, leaving: 0 };
    let unproven = 0;
    for (const member of pods.members()) {
      if (this.#stopped) return;
      if (this.#isGone(member, missing)) continue;
      const why = this.#prove(member, deaf, underWay);
      const state = member.joined?.enrolment.state;
      if (state !== undefined && state !== 'out') states[state] += 1;
      if (why !== undefined) {
        unproven += 1;
        onUnproven(member.pod, why);
      }
      // Each look takes milliseconds in which nobody else is served.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#deaf = deaf;
    this.#missing = missing;
    this.#underWay = underWay;
    metrics.set(UNPROVEN, unproven);
    for (const state of STATES) metrics.set(PODS, states[state], state);
  }

  #proveHost(): void {
    const { log, metrics, probes } = this.#options;
    try {
      const problems = probes.repair();
      if (problems.length === 0) return;
      metrics.count(RECONCILES, 'host_rules');
      log.warn({ problems }, 'the rules of the node were not as written; they are written again');
    } catch (error) {
      log.error(
        { error: messageOf(error) },
        "kubelet's probes of enrolled pods may fail: the rules of the node cannot be written",
      );
    }
  }

  /** A pod that was asked for by itself, and deleted before a list had it. */
  #isGone(member: PodMember, missing: Set<string>): boolean {
    const { isGone, pods } = this.#options;
    const { uid } = member.pod;
    if (!isGone(member.pod)) return false;
    missing.add(uid);
    if (this.#missing.has(uid)) pods.forget(uid);
    return true;
  }

  /** Why the pod is not shown to be in the mesh; undefined when it is, or does not belong there. */
  #prove(member: PodMember, deaf: Set<string>, underWay: Set<string>): string | undefined {
    if (!member.wanted || member.pod.ips.length === 0) return undefined;
    const { metrics } = this.#options;
    try {
      if (member.findAgain()) metrics.count(RECONCILES, 'namespace');
      const { joined } = member;
      if (joined === undefined) return member.trouble?.message ?? 'its network namespace is not found yet';
      const { enrolment, namespace } = joined;
      if (enrolment.state !== 'in') {
        underWay.add(member.pod.uid);
        const still = this.#underWay.has(member.pod.uid) ? `it is ${enrolment.state} for too long` : undefined;
        return member.trouble?.message ?? still;
      }
      if (enrolment.repair().length > 0) metrics.count(RECONCILES, 'pod_rules');
      if (member.announceAgain()) metrics.count(RECONCILES, 'annotation');
      return this.#proveListeners(member, missingListeners(namespace), deaf);
    } catch (error) {
      return messageOf(error);
    }
  }

  #proveListeners(member: PodMember, missing: readonly number[], deaf: Set<string>): string | undefined {
    if (missing.length === 0) return undefined;
    const { uid, key } = member.pod;
    const { log, metrics, proxies } = this.#options;
    const ports = `nobody listens on the proxy's port ${missing.join(', ')} in the pod, so its connections are refused`;
    if (proxies() === 0) return `${ports}: no ztunnel is connected to the node agent`;
    // Being told again is harmless; being told anew ends what the proxy still has of the pod.
    const anew = this.#deaf.has(uid);
    deaf.add(uid);
    metrics.count(RECONCILES, 'listeners');
    member.serveAgain(anew).catch((error: unknown) => {
      log.warn({ pod: key, error: messageOf(error) }, 'ztunnel does not serve the pod again');
    });
    return `${ports}: ztunnel is told of the pod again`;
  }
}
