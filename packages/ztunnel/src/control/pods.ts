import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { SpiffeId } from '@ambit/core/spiffe';
import { close, duplicate } from '@ambit/native/descriptor';
import { inNamespace, namespaceIdentity } from '@ambit/native/namespace';
import { readSysctl } from '@ambit/native/sysctl';
import type { DescriptorOwner } from '@ambit/proxy/descriptor-watch';
import { DescriptorCounts } from '@ambit/reactor/descriptor-counts';
import type { PodOwner, RemovalReason } from '@ambit/zds/client';
import type { Config } from '../config.ts';
import { IDENTITY_LINGER } from '../limits.ts';
import type { Estate, InheritedPod } from '../keeper/estate.ts';
import type { Command, Pod, PodInfo, PodListeners, Report } from '../messages.ts';
import type { Unanswered } from '../unanswered.ts';
import { IdentityUsers } from './identity-users.ts';
import { closeListeners, listenerDescriptors, listenersFrom, openListeners, stopListening } from './listeners.ts';

export interface PodsOptions {
  readonly clock: Clock;
  readonly config: Config;
  readonly log: Logger;
  readonly estate: Estate;
  /** Resolves when the mesh is known: a pod is served only then, because before it nothing could be judged. */
  readonly known: Promise<unknown>;
  readonly ask: (command: (ticket: number) => Command) => Promise<Report[]>;
  /** The identity has a pod on this node (again). Resolves when its certificate is there, or after `CERTIFICATE_HEAD_START`. */
  readonly onIdentityUsed: (identity: SpiffeId) => Promise<void>;
  /** The last pod of the identity left `IDENTITY_LINGER` ago. */
  readonly onIdentityUnused: (identity: SpiffeId) => void;
  /** The node agent says whether plaintext that comes to a served pod is redirected. */
  readonly onPlaintextRedirected: (uid: string, redirected: boolean) => void;
  /** `remembers` answers differently for an identity. */
  readonly onRemembered: () => void;
}

/** The pods of this node: their listeners, and which of them the data threads serve. */
export class Pods implements PodOwner {
  readonly #options: PodsOptions;
  readonly #serving = new Map<string, Pod>();
  /** Pods of a predecessor that the node agent has not named yet. */
  readonly #unclaimed = new Set<Pod>();
  readonly #identities = new IdentityUsers();
  /** The node agent has named every pod. */
  #named = false;
  #ending = false;
  #number = 0;
  #started = 0;
  #stopped = 0;

  constructor(options: PodsOptions) {
    this.#options = options;
  }

  /**
   * Takes over what a predecessor served, as soon as the mesh is known; its listeners were never closed, so that clients
   * only have to wait. What the node agent does not claim is let go by `releaseUnclaimed`.
   */
  async inherit(pods: readonly InheritedPod[]): Promise<void> {
    const inherited = pods.flatMap((pod) => this.#claimable(pod));
    await this.#options.known;
    await Promise.all(
      inherited.map(async (pod) => {
        void this.#use(pod.info);
        try {
          await this.#serve(pod);
        } catch (error) {
          this.#options.log.error(
            { error: messageOf(error) },
            'a pod of the predecessor cannot be served; the node agent will add it again',
          );
        }
      }),
    );
  }

  /** The node agent has named every pod: what a predecessor left and nobody claimed is gone. */
  releaseUnclaimed(): void {
    this.#named = true;
    for (const pod of this.#unclaimed) {
      this.#options.log.info({ pod: name(pod) }, 'a pod of the predecessor is gone');
      if (this.#serving.get(pod.info.uid) === pod) void this.#leave(pod, undefined);
    }
    this.#unclaimed.clear();
  }

  async onAdd(
    uid: string,
    info: { name: string; namespace: string; serviceAccount: string },
    namespace: number,
  ): Promise<void> {
    // The descriptor is the caller's and may be closed while we wait.
    const own = duplicate(namespace);
    let kept = false;
    try {
      await this.#options.known;
      const present = this.#serving.get(uid);
      if (present !== undefined) {
        this.#unclaimed.delete(present);
        if (sameNamespace(present.namespace, own)) return;
        // The uid came back with another namespace: what we serve is over.
        void this.#leave(present, 0);
      }
      this.#checkMigration(own, info);
      // A listener without a certificate would turn peers away, and take connections from a predecessor that has one.
      await this.#use(info);
      const pod = this.#open({ uid, ...info }, own);
      kept = true;
      await this.#serve(pod);
    } finally {
      if (!kept) close(own);
    }
  }

  onRemove(uid: string, namespace: number, reason: RemovalReason): Promise<void> {
    const pod = this.#serving.get(uid);
    // A pod that was replaced is served already in its new namespace.
    if (pod === undefined || !sameNamespace(pod.namespace, namespace)) return Promise.resolve();
    this.#options.log.info({ pod: name(pod), reason }, 'the pod leaves; its open connections go on until they end');
    return this.#leave(pod, undefined);
  }

  onPlaintextRedirected(uid: string, redirected: boolean): void {
    this.#options.onPlaintextRedirected(uid, redirected);
  }

  /** The pod of this uid, if it is served. */
  find(uid: string): Pod | undefined {
    return this.#serving.get(uid);
  }

  /** What a data thread has to be told to serve the pods of this node. Nobody waits for its answer. */
  *commands(): Generator<Command> {
    for (const pod of this.#serving.values()) yield { kind: 'add-pod', pod, ticket: 0 };
  }

  /** How a data thread is told to take over connections of a dead one. Those of pods that have left are closed. */
  *resume(unanswered: readonly Unanswered[]): Generator<Command> {
    const served = new Set(this.list().map((pod) => pod.number));
    for (const { fd, pod, acceptedAt } of unanswered) {
      if (served.has(pod)) yield { kind: 'resume', fd, pod, acceptedAt };
      else close(fd);
    }
  }

  /** Takes every pod out of service: a second ztunnel, if there is one, gets what waits in the queues. */
  async drain(deadline: number): Promise<void> {
    this.#ending = true;
    await Promise.all(this.list().map((pod) => this.#leave(pod, deadline)));
    await this.#options.ask((ticket) => ({ kind: 'drain', deadline, ticket }));
  }

  /** Whether a pod of this node, starting, served or leaving, has this identity. */
  uses(identity: SpiffeId): boolean {
    return this.#identities.has(identity);
  }

  /**
   * Whether the identity may be needed by a successor: not when its last pod has left, nor when the node agent has named
   * every pod and this was none of theirs.
   */
  remembers(identity: SpiffeId): boolean {
    return this.#named ? this.#identities.has(identity) : !this.#identities.hasLeft(identity);
  }

  list(): readonly Pod[] {
    return [...this.#serving.values()];
  }

  /** The pods that are served, as those for whom data threads hold descriptors. */
  *descriptorOwners(): Generator<DescriptorOwner> {
    for (const pod of this.#serving.values()) yield { name: name(pod), descriptors: pod.descriptors };
  }

  counts(): { readonly active: number; readonly started: number; readonly stopped: number } {
    return { active: this.#serving.size, started: this.#started, stopped: this.#stopped };
  }

  /** What the keeper handed over, if it is complete; its descriptors are closed otherwise. */
  #claimable({ info, layout, namespace, listeners }: InheritedPod): Pod[] {
    const own = listenersFrom(listeners, layout);
    if (own !== undefined) {
      const pod = this.#pod(info, namespace, own);
      this.#unclaimed.add(pod);
      return [pod];
    }
    for (const descriptor of [namespace, ...listeners]) close(descriptor);
    this.#options.estate.releasePod(info.uid);
    this.#options.log.error(
      { pod: `${info.namespace}/${info.name}` },
      'the listeners of a predecessor are incomplete; the node agent will add the pod again',
    );
    return [];
  }

  /** Opens the listeners of a pod and deposits them; takes over `namespace` when it does not throw. */
  #open(info: PodInfo, namespace: number): Pod {
    try {
      if (this.#ending) throw new AmbitError('AMBIT_POD_START', 'the proxy is ending', { retryable: true });
      const listeners = openListeners(namespace, this.#options.config);
      const { dnsUdp, dnsTcp } = listeners;
      const layout = { dnsUdp: dnsUdp.length, dnsTcp: dnsTcp.length };
      this.#options.estate.holdPod(info, layout, namespace, listenerDescriptors(listeners));
      return this.#pod(info, namespace, listeners);
    } catch (error) {
      this.#release(info);
      throw error;
    }
  }

  #pod(info: PodInfo, namespace: number, listeners: PodListeners): Pod {
    const descriptors = DescriptorCounts.allocate(this.#options.config.dataThreads);
    return { number: ++this.#number, info, namespace, listeners, descriptors };
  }

  async #serve(pod: Pod): Promise<void> {
    const { info } = pod;
    this.#serving.set(info.uid, pod);
    this.#started += 1;
    const answers = await this.#options.ask((ticket) => ({ kind: 'add-pod', pod, ticket }));
    const failure = answers.find((answer) => answer.kind === 'done' && answer.error !== undefined);
    if (failure?.kind !== 'done' || failure.error === undefined) {
      this.#options.log.info({ pod: name(pod), serviceAccount: info.serviceAccount }, 'the pod is served');
      return;
    }
    await this.#leave(pod, 0);
    throw new AmbitError('AMBIT_POD_START', `pod ${name(pod)} cannot be served: ${failure.error}`);
  }

  /** Resolves when no thread accepts for the pod any more; its open connections may go on. */
  async #leave(pod: Pod, deadline: number | undefined): Promise<void> {
    if (this.#serving.get(pod.info.uid) === pod) {
      this.#serving.delete(pod.info.uid);
      this.#options.onPlaintextRedirected(pod.info.uid, false);
    }
    this.#unclaimed.delete(pod);
    this.#stopped += 1;
    stopListening(pod.listeners);
    this.#options.estate.releasePod(pod.info.uid);
    try {
      await this.#options.ask((ticket) => ({ kind: 'remove-pod', number: pod.number, deadline, ticket }));
    } catch (error) {
      this.#options.log.error({ pod: name(pod), error: messageOf(error) }, 'a pod was not left in good order');
    }
    closeListeners(pod.listeners);
    close(pod.namespace);
    this.#release(pod.info);
  }

  #use(info: { namespace: string; serviceAccount: string }): Promise<void> {
    const identity = this.#identity(info);
    if (this.#identities.add(identity)) this.#options.onRemembered();
    return this.#options.onIdentityUsed(identity);
  }

  #release(info: { namespace: string; serviceAccount: string }): void {
    const identity = this.#identity(info);
    if (!this.#identities.remove(identity)) return;
    this.#options.onRemembered();
    this.#options.clock.setTimeout(
      () => {
        if (this.#identities.forget(identity)) this.#options.onIdentityUnused(identity);
      },
      IDENTITY_LINGER,
      { background: true },
    );
  }

  #identity({ namespace, serviceAccount }: { namespace: string; serviceAccount: string }): SpiffeId {
    return { trustDomain: this.#options.config.trustDomain, namespace, serviceAccount };
  }

  #checkMigration(namespace: number, info: { name: string; namespace: string }): void {
    try {
      if (inNamespace(namespace, () => readSysctl('net.ipv4.tcp_migrate_req')).trim() === '1') return;
    } catch {
      // A kernel before 5.14 has no such setting, with the same effect.
    }
    this.#options.log.warn(
      { pod: `${info.namespace}/${info.name}` },
      'net.ipv4.tcp_migrate_req is not 1 in the pod: when ztunnel is replaced, connections that wait in its queue may be lost; the node agent should set it',
    );
  }
}

function name({ info }: Pod): string {
  return `${info.namespace}/${info.name}`;
}

function sameNamespace(a: number, b: number): boolean {
  const one = namespaceIdentity(a);
  const other = namespaceIdentity(b);
  return one.device === other.device && one.inode === other.inode;
}
