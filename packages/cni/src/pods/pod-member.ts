import { podHasIpv6, verifyInPod } from '@ambit/capture/apply';
import type { PodRedirection } from '@ambit/capture/pod-rules';
import type { IpAddress } from '@ambit/core/address';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { Enrolment } from '@ambit/enrolment/enrolment';
import type { HostProbes } from '@ambit/enrolment/host-probes';
import { hasRedirection } from '@ambit/enrolment/redirected';
import { redirectionOf } from '@ambit/enrolment/redirection';
import { close } from '@ambit/native/descriptor';
import type { ZdsAgent } from '@ambit/zds/agent';
import { ADMISSION_POLL_MS, FIND_RETRY_FIRST_MS, FIND_RETRY_LONGEST_MS } from '../limits.ts';
import { hasEnded, type NodePod } from './node-pod.ts';
import type { PodNamespaces } from './pod-namespace.ts';
import type { RedirectionAnnotation } from './redirection-annotation.ts';

export interface MemberContext {
  readonly zds: Pick<ZdsAgent, 'add' | 'remove'>;
  readonly probes: Pick<HostProbes, 'add' | 'remove'>;
  readonly namespaces: Pick<PodNamespaces, 'find' | 'holds' | 'open'>;
  readonly annotation: Pick<RedirectionAnnotation, 'forget' | 'write'>;
  readonly clock: Clock;
  readonly hostProc: string;
  readonly dnsCapture: boolean;
  readonly ipv6: boolean;
  /** Milliseconds that redirected connections get when a pod leaves. */
  readonly leaveDeadline: () => number;
  /** Node proxies that are connected. */
  readonly proxies: () => number;
  readonly report: (pod: NodePod, error: AmbitError) => void;
}

/** What a pod has while it is in the mesh, or on its way in or out. */
interface Joined {
  readonly enrolment: Enrolment;
  /** Descriptor of the network namespace; closed when the enrolment is over. */
  readonly namespace: number;
  readonly ips: readonly IpAddress[];
  /** Whether the API server has shown these addresses: until then what it says may be of an earlier sandbox. */
  confirmed: boolean;
}

/** A pod's sandbox in the making. */
export interface Sandbox {
  /** Path of the network namespace on the node. */
  readonly netns: string;
  readonly ips: readonly IpAddress[];
  /** Milliseconds. */
  readonly patience: number;
}

/** Failures to find a namespace that are not worth a word: the pod may have just ended, or just begun. */
const QUIET_FAILURES = 3;

/** One pod of the node between the API server, the plugin and the node proxy. Its troubles are its own. */
export class PodMember {
  readonly #context: MemberContext;
  #pod: NodePod;
  #wanted = false;
  #joined: Joined | undefined;
  #search: Timer | undefined;
  #failures = 0;
  #trouble: AmbitError | undefined;
  /** Made known to proxies without a namespace. */
  #kept = false;

  constructor(pod: NodePod, context: MemberContext) {
    this.#pod = pod;
    this.#context = context;
  }

  get pod(): NodePod {
    return this.#pod;
  }

  /** Whether it belongs into the mesh now. */
  get wanted(): boolean {
    return this.#wanted && !hasEnded(this.#pod);
  }

  get joined(): Joined | undefined {
    return this.#joined;
  }

  /** Why it is not where it belongs. */
  get trouble(): AmbitError | undefined {
    return this.#joined?.enrolment.trouble ?? this.#trouble;
  }

  /**
   * A pod that was there before the agent: what an earlier one did is taken over. Proxies are told of a pod that cannot
   * be had, too, because one that the snapshot does not name is given up.
   */
  begin(wanted: boolean): void {
    this.#wanted = wanted;
    const { namespaces, zds } = this.#context;
    const pod = this.#pod;
    if (pod.hostNetwork || pod.ips.length === 0 || hasEnded(pod)) return;
    let namespace: number;
    try {
      namespace = namespaces.find(pod);
    } catch (error) {
      if (!wanted) return;
      this.#kept = true;
      zds.add({ uid: pod.uid, info: infoOf(pod), namespace: undefined }).catch(() => undefined);
      this.#failed(error);
      return;
    }
    this.#beginIn(namespace);
  }

  /** What the API server says of the pod, and whether it belongs into the mesh. */
  update(pod: NodePod, wanted: boolean): void {
    this.#pod = pod;
    this.#wanted = wanted;
    if (hasEnded(pod)) {
      this.drop();
      return;
    }
    if (!wanted) {
      this.#stopSearch();
      if (this.#joined !== undefined) this.#leave(this.#joined);
      else if (pod.announced) this.#publish(false).catch(() => undefined);
      return;
    }
    // The sandbox was made anew without the plugin.
    if (this.#joined !== undefined && this.#hasMoved(this.#joined)) this.drop();
    if (this.#joined !== undefined) this.#joined.enrolment.want(true);
    else if (this.#search === undefined) this.#find();
  }

  /** The sandbox is being made: resolves when nothing of the pod can leave in the clear. Rejects with what stands in the way. */
  async admit(pod: NodePod, { netns, ips, patience }: Sandbox): Promise<void> {
    const { clock, namespaces } = this.#context;
    this.#pod = pod;
    this.#wanted = true;
    const namespace = namespaces.open(netns, { key: pod.key, uid: pod.uid, ips });
    this.#stopSearch();
    this.drop();
    const joined = this.#join(namespace, ips, false);
    joined.enrolment.want(true);
    const { enrolment } = joined;
    const deadline = clock.now() + patience;
    while (enrolment.wanted && !enrolment.captured && !isHopeless(enrolment) && clock.now() < deadline) {
      const pause = new Promise<void>((resolve) => clock.setTimeout(resolve, ADMISSION_POLL_MS));
      await Promise.race([enrolment.settled(), pause]);
    }
    if (enrolment.captured) {
      enrolment.started();
      return;
    }
    // Taken out of the mesh, or replaced by a later sandbox, while it waited.
    if (!this.wanted && this.#joined === joined) return;
    const cause = this.#causeOf(enrolment);
    if (this.#joined === joined) this.drop();
    throw cause;
  }

  /** Gives the pod up: it has ended, is deleted, or its sandbox is. */
  drop(): void {
    this.#stopSearch();
    this.#trouble = undefined;
    const joined = this.#joined;
    this.#joined = undefined;
    if (joined !== undefined) void joined.enrolment.remove().finally(() => close(joined.namespace));
    else if (this.#kept) void this.#context.zds.remove(this.#pod.uid).catch(() => undefined);
    this.#kept = false;
  }

  /** Looks for the pod anew when its namespace has lost its addresses, as that of a dead sandbox has. True: it had. */
  findAgain(): boolean {
    const joined = this.#joined;
    if (joined === undefined) return false;
    const { key, uid } = this.#pod;
    if (this.#context.namespaces.holds(joined.namespace, { key, uid, ips: joined.ips })) return false;
    this.drop();
    this.#find();
    return true;
  }

  /** Has proxies told again, for when one serves the pod no more although it said so. `anew`: as if it were another pod. */
  async serveAgain(anew: boolean): Promise<void> {
    const { zds } = this.#context;
    const joined = this.#joined;
    if (joined === undefined) return;
    const { uid } = this.#pod;
    if (anew) await zds.remove(uid);
    // Given up meanwhile: its descriptor is closed, and its number may be another pod's namespace by now.
    if (this.#joined !== joined) return;
    const { namespace, enrolment } = joined;
    const { plaintextRedirected } = enrolment;
    await zds.add({ uid, info: infoOf(this.#pod), namespace, plaintextRedirected }, { patience: 5_000 });
  }

  /** Writes the annotation again when something took it away. True: it was not there. */
  announceAgain(): boolean {
    if (this.#joined?.enrolment.captured !== true || this.#pod.announced) return false;
    this.#publish(true).catch(() => undefined);
    return true;
  }

  #beginIn(namespace: number): void {
    const redirection = this.#redirection(namespace);
    try {
      const captured = { namespace, name: this.#pod.key };
      if (!this.#wanted && !hasRedirection(namespace)) {
        close(namespace);
        if (this.#pod.announced) this.#publish(false).catch(() => undefined);
        return;
      }
      const whole = verifyInPod(captured, redirection).length === 0;
      const joined = this.#join(namespace, this.#pod.ips, true);
      // What stands in a pod that does not belong is taken away in order, whatever of it is left.
      if (whole || !this.#wanted) joined.enrolment.adopt(redirection);
      else {
        if (this.#pod.announced) this.#nameBypass();
        joined.enrolment.started();
        joined.enrolment.want(true);
        this.#context.zds.add({ uid: this.#pod.uid, info: infoOf(this.#pod), namespace }).catch(() => undefined);
      }
      if (!this.#wanted) this.#leave(joined);
    } catch (error) {
      this.#closeUnused(namespace);
      this.#failed(error);
    }
  }

  /** The sandbox was made while nobody held it back, as when a node restarts without its CNI configuration. */
  #nameBypass(): void {
    const message = `pod ${this.#pod.key} has run outside of the mesh although it is marked as redirected: its namespace has no rules, or not all. It is taken in now; connections that it has opened meanwhile stay direct, and no policy has judged them: restart it if that must not be`;
    this.#context.report(this.#pod, new AmbitError('AMBIT_CNI_BYPASSED', message));
  }

  #find(): void {
    this.#search = undefined;
    const pod = this.#pod;
    if (!this.#wanted || this.#joined !== undefined || pod.ips.length === 0 || pod.terminating) return;
    let namespace: number | undefined;
    try {
      namespace = this.#context.namespaces.find(pod);
      const bypassed = pod.announced && !hasRedirection(namespace);
      const joined = this.#join(namespace, pod.ips, true);
      if (bypassed) this.#nameBypass();
      joined.enrolment.started();
      joined.enrolment.want(true);
    } catch (error) {
      if (namespace !== undefined) this.#closeUnused(namespace);
      this.#failed(error);
    }
  }

  /** Nobody has taken it over. */
  #closeUnused(namespace: number): void {
    if (this.#joined === undefined) close(namespace);
  }

  #failed(error: unknown): void {
    const trouble =
      error instanceof AmbitError ? error : new AmbitError('AMBIT_INTERNAL', String(error), { cause: error });
    this.#trouble = trouble;
    const pause = Math.min(FIND_RETRY_FIRST_MS * 2 ** Math.min(this.#failures, 16), FIND_RETRY_LONGEST_MS);
    this.#failures += 1;
    if (this.#failures > QUIET_FAILURES) this.#context.report(this.#pod, trouble);
    this.#search = this.#context.clock.setTimeout(() => this.#find(), pause, { background: true });
  }

  #stopSearch(): void {
    this.#search?.cancel();
    this.#search = undefined;
    this.#failures = 0;
  }

  #join(namespace: number, ips: readonly IpAddress[], confirmed: boolean): Joined {
    const { zds: agent, probes, clock, hostProc: proc, leaveDeadline, report } = this.#context;
    const enrolment = new Enrolment(
      { uid: this.#pod.uid, info: infoOf(this.#pod), ips, namespace },
      {
        agent,
        probes,
        clock,
        proc,
        leaveDeadline,
        redirection: () => this.#redirection(namespace),
        publish: (captured) => this.#publish(captured),
        report: (error) => report(this.#pod, error),
      },
    );
    const joined = { enrolment, namespace, ips, confirmed };
    this.#joined = joined;
    this.#stopSearch();
    this.#trouble = undefined;
    this.#kept = false;
    return joined;
  }

  #leave(joined: Joined): void {
    if (!joined.enrolment.wanted) return;
    joined.enrolment.want(false);
    void joined.enrolment.settled().then(() => {
      if (this.#joined !== joined || joined.enrolment.wanted || joined.enrolment.state !== 'out') return;
      this.#joined = undefined;
      close(joined.namespace);
    });
  }

  #hasMoved(joined: Joined): boolean {
    const now = this.#pod.ips;
    if (now.every((ip) => joined.ips.includes(ip))) {
      joined.confirmed ||= now.length > 0;
      return false;
    }
    return joined.confirmed && !this.#context.namespaces.holds(joined.namespace, this.#pod);
  }

  #redirection(namespace: number): PodRedirection {
    const { dnsCapture, hostProc, ipv6 } = this.#context;
    const speaksIpv6 = ipv6 && podHasIpv6({ namespace, name: this.#pod.key }, { proc: hostProc });
    return redirectionOf(this.#pod.annotations, { dns: dnsCapture, ipv6: speaksIpv6 });
  }

  #publish(captured: boolean): Promise<void> {
    return this.#context.annotation.write(this.#pod, captured);
  }

  #causeOf(enrolment: Enrolment): AmbitError {
    if (enrolment.trouble !== undefined) return enrolment.trouble;
    const why =
      this.#context.proxies() === 0
        ? 'no ztunnel is connected to the node agent; is the ztunnel pod of this node running?'
        : 'ztunnel has not acknowledged it in time; look at the log of the ztunnel pod of this node';
    return new AmbitError('AMBIT_CNI_NOT_SERVED', `pod ${this.#pod.key} waits: ${why}`, { retryable: true });
  }
}

/** What somebody wrote stands in the way: waiting does not help, and saying so does. */
function isHopeless({ trouble }: Enrolment): boolean {
  return trouble?.cause instanceof AmbitError && trouble.cause.source === 'configuration';
}

function infoOf({ name, namespace, serviceAccount }: NodePod): {
  name: string;
  namespace: string;
  serviceAccount: string;
} {
  return { name, namespace, serviceAccount };
}
