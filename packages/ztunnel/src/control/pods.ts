import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { SpiffeId } from '@ambit/core/spiffe';
import { close, duplicate } from '@ambit/native/descriptor';
import { inNamespace, namespaceIdentity } from '@ambit/native/namespace';
import { readSysctl } from '@ambit/native/sysctl';
import type { PodOwner, RemovalReason } from '@ambit/zds/client';
import type { Config } from '../config.ts';
import type { Estate, InheritedPod } from '../keeper/estate.ts';
import type { Command, Pod, Report } from '../messages.ts';
import type { Unanswered } from '../unanswered.ts';
import { closeListeners, listenerDescriptors, listenersFrom, openListeners, stopListening } from './listeners.ts';

export interface PodsOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly estate: Estate;
  /** Resolves when the mesh is known: a pod is served only then, because before it nothing could be judged. */
  readonly known: Promise<unknown>;
  readonly ask: (command: (ticket: number) => Command) => Promise<Report[]>;
  /** The identity has a pod on this node (again). Resolves when its certificate is there, or after `CERTIFICATE_HEAD_START`. */
  readonly onIdentityUsed: (identity: SpiffeId) => Promise<void>;
  /** The last pod of the identity has left. */
  readonly onIdentityUnused: (identity: SpiffeId) => void;
}

/** The pods of this node: their listeners, and which of them the data threads serve. */
export class Pods implements PodOwner {
  readonly #options: PodsOptions;
  readonly #serving = new Map<string, Pod>();
  #number = 0;
  #started = 0;
  #stopped = 0;

  constructor(options: PodsOptions) {
    this.#options = options;
  }

  /** Takes over what a predecessor served: its listeners were never closed, so that clients only had to wait. */
  async inherit(pods: readonly InheritedPod[]): Promise<void> {
    await Promise.all(
      pods.map(async ({ info, layout, namespace, listeners }) => {
        const own = listenersFrom(listeners, layout);
        if (own === undefined) {
          for (const descriptor of [namespace, ...listeners]) close(descriptor);
          this.#options.log.error(
            { pod: `${info.namespace}/${info.name}` },
            'the listeners of a predecessor are incomplete; the node agent will add the pod again',
          );
          return;
        }
        void this.#options.onIdentityUsed(this.#identity(info));
        try {
          await this.#serve({ number: ++this.#number, info, namespace, listeners: own });
        } catch (error) {
          this.#options.log.error(
            { error: messageOf(error) },
            'a pod of the predecessor cannot be served; the node agent will add it again',
          );
        }
      }),
    );
  }

  async onAdd(
    uid: string,
    info: { name: string; namespace: string; serviceAccount: string },
    namespace: number,
  ): Promise<void> {
    await this.#options.known;
    const present = this.#serving.get(uid);
    if (present !== undefined) {
      if (sameNamespace(present.namespace, namespace)) return;
      // The uid came back with another namespace: what we serve is over.
      void this.#leave(present, 0);
    }
    this.#checkMigration(namespace, info);
    // A listener without a certificate would turn peers away, and take connections from a predecessor that has one.
    await this.#options.onIdentityUsed(this.#identity(info));
    const own = duplicate(namespace);
    let listeners: Pod['listeners'];
    try {
      listeners = openListeners(own, this.#options.config);
    } catch (error) {
      close(own);
      throw error;
    }
    const pod: Pod = { number: ++this.#number, info: { uid, ...info }, namespace: own, listeners };
    const { dnsUdp, dnsTcp } = listeners;
    this.#options.estate.holdPod(
      pod.info,
      { dnsUdp: dnsUdp.length, dnsTcp: dnsTcp.length },
      own,
      listenerDescriptors(listeners),
    );
    await this.#serve(pod);
  }

  onRemove(uid: string, namespace: number, reason: RemovalReason): Promise<void> {
    const pod = this.#serving.get(uid);
    // A pod that was replaced is served already in its new namespace.
    if (pod === undefined || !sameNamespace(pod.namespace, namespace)) return Promise.resolve();
    this.#options.log.info({ pod: name(pod), reason }, 'the pod leaves; its open connections go on until they end');
    void this.#leave(pod, undefined);
    return Promise.resolve();
  }

  /** What a data thread has to be told to serve the pods of this node. Nobody waits for its answer. */
  *commands(): Generator<Command> {
    for (const pod of this.#serving.values()) yield { kind: 'add-pod', pod, ticket: 0 };
  }

  /** How a data thread is told to take over connections of a dead one. Those of pods that have left are closed. */
  *resume(unanswered: readonly Unanswered[]): Generator<Command> {
    const byNumber = new Map(this.list().map((pod) => [pod.number, pod]));
    for (const { fd, pod, acceptedAt } of unanswered) {
      const uid = byNumber.get(pod)?.info.uid;
      if (uid === undefined) close(fd);
      else yield { kind: 'resume', fd, uid, acceptedAt };
    }
  }

  /** Takes every pod out of service: a second ztunnel, if there is one, gets what waits in the queues. */
  async drain(deadline: number): Promise<void> {
    const pods = [...this.#serving.values()];
    this.#serving.clear();
    for (const pod of pods) stopListening(pod.listeners);
    await this.#options.ask((ticket) => ({ kind: 'drain', deadline, ticket }));
  }

  list(): readonly Pod[] {
    return [...this.#serving.values()];
  }

  counts(): { readonly active: number; readonly started: number; readonly stopped: number } {
    return { active: this.#serving.size, started: this.#started, stopped: this.#stopped };
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

  async #leave(pod: Pod, deadline: number | undefined): Promise<void> {
    if (this.#serving.get(pod.info.uid) === pod) this.#serving.delete(pod.info.uid);
    this.#stopped += 1;
    stopListening(pod.listeners);
    this.#options.estate.releasePod(pod.info.uid);
    try {
      await this.#options.ask((ticket) => ({ kind: 'remove-pod', uid: pod.info.uid, deadline, ticket }));
    } catch (error) {
      this.#options.log.error({ pod: name(pod), error: messageOf(error) }, 'a pod was not left in good order');
    }
    closeListeners(pod.listeners);
    close(pod.namespace);
    const identity = this.#identity(pod.info);
    const used = this.list().some(
      ({ info }) => info.namespace === identity.namespace && info.serviceAccount === identity.serviceAccount,
    );
    if (!used) this.#options.onIdentityUnused(identity);
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
