import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { type NamespaceIdentity, namespaceIdentity } from '@ambit/native/namespace';
import { PENDING_RETRY_MS } from '../limits.ts';
import type { PodInfo } from '../messages.ts';

/** Why a pod leaves: the agent said so, it was given another namespace, or a new snapshot did not name it. */
export type RemovalReason = 'removed' | 'replaced' | 'unnamed';

/** Who serves the pods. `namespace` is an open descriptor, and tells two lives of the same uid apart. */
export interface PodOwner {
  /** Resolves when the pod is served. It is called again every `PENDING_RETRY_MS` while it rejects. */
  onAdd(uid: string, info: PodInfo, namespace: number): Promise<void>;
  /**
   * Resolves when nothing of the pod uses the descriptor any more; it is closed then. Only after that is a pod of the same
   * uid added again. Also called for a pod whose `onAdd` is pending, but never while it runs.
   */
  onRemove(uid: string, namespace: number, reason: RemovalReason): Promise<void>;
  /**
   * Whether plaintext that comes to the pod is redirected, each time that the agent says it, after the pod is served. Only
   * our agent says so; with another this is never called.
   */
  onPlaintextRedirected?(uid: string, redirected: boolean): void;
}

interface Entry {
  readonly uid: string;
  readonly info: PodInfo;
  readonly namespace: number;
  readonly identity: NamespaceIdentity;
  /** Resolves when the running attempt to start is over. */
  attempt: Promise<void> | undefined;
  /** Why the pod is not served; undefined when it is, or is about to be. */
  failure: string | undefined;
  retry: Timer | undefined;
  plaintextRedirected: boolean;
  /** The owner was told of it. */
  told: boolean;
  gone: boolean;
}

/** The pods that this proxy was told to serve, across connections to the agent. Owns their descriptors. */
export class PodTable {
  readonly #owner: PodOwner;
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #report: (error: AmbitError) => void;
  readonly #entries = new Map<string, Entry>();
  /** By uid, the last life of a pod that is on its way out. */
  readonly #farewells = new Map<string, Promise<void>>();
  #named = new Set<string>();

  constructor(owner: PodOwner, clock: Clock, changed: () => void, report: (error: AmbitError) => void) {
    this.#owner = owner;
    this.#clock = clock;
    this.#changed = changed;
    this.#report = report;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Uid and reason of the pods that are known but not served. */
  pending(): Map<string, string> {
    const failing = [...this.#entries.values()].filter((entry) => entry.failure !== undefined);
    return new Map(failing.map((entry) => [entry.uid, entry.failure ?? '']));
  }

  /** A connection began: its snapshot names pods anew. */
  beginSnapshot(): void {
    this.#named = new Set();
  }

  /** Takes over the descriptor. Resolves to the text of the acknowledgement: empty, or what went wrong. */
  async add(uid: string, info: PodInfo, namespace: number, plaintextRedirected = false): Promise<string> {
    this.#named.add(uid);
    const identity = this.#identify(namespace);
    if (identity === undefined) return 'the descriptor is not a network namespace';
    const known = this.#entries.get(uid);
    if (known !== undefined && same(known.identity, identity) && sameInfo(known.info, info)) {
      close(namespace);
      const before = known.plaintextRedirected;
      known.plaintextRedirected = plaintextRedirected;
      if (known.failure !== undefined) this.#start(known);
      else if (known.attempt === undefined && (before || plaintextRedirected)) this.#tell(known);
      return await this.#outcome(known);
    }
    const holder = [...this.#entries.values()].find((entry) => entry.uid !== uid && same(entry.identity, identity));
    if (holder !== undefined) {
      close(namespace);
      return `the network namespace belongs to pod ${holder.uid} already`;
    }
    if (known !== undefined) this.#drop(known, 'replaced');
    const entry: Entry = {
      ...{ uid, info, namespace, identity },
      ...{ attempt: undefined, failure: undefined, retry: undefined, told: false, gone: false },
      plaintextRedirected,
    };
    this.#entries.set(uid, entry);
    this.#start(entry);
    return await this.#outcome(entry);
  }

  keep(uid: string): void {
    this.#named.add(uid);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) this.#drop(entry, 'removed');
  }

  /** The snapshot is complete: what it did not name is no more. */
  endSnapshot(): void {
    for (const entry of [...this.#entries.values()]) if (!this.#named.has(entry.uid)) this.#drop(entry, 'unnamed');
  }

  /** Stops retrying and closes the descriptors, without telling the owner. */
  destroy(): void {
    for (const entry of this.#entries.values()) {
      entry.gone = true;
      entry.retry?.cancel();
      close(entry.namespace);
    }
    this.#entries.clear();
  }

  #start(entry: Entry): void {
    entry.retry?.cancel();
    entry.failure = undefined;
    entry.attempt = this.#attempt(entry);
    this.#changed();
  }

  async #attempt(entry: Entry): Promise<void> {
    // The owner knows pods by uid: the earlier life of this one must be over before the next one begins.
    const farewell = this.#farewells.get(entry.uid);
    if (farewell !== undefined) await farewell;
    try {
      await this.#begin(entry);
      if (entry.plaintextRedirected && !entry.gone) this.#tell(entry);
    } catch (error) {
      entry.failure = messageOf(error);
      if (!entry.gone) entry.retry = this.#clock.setTimeout(() => this.#start(entry), PENDING_RETRY_MS);
    }
    entry.attempt = undefined;
    if (!entry.gone) this.#changed();
  }

  #tell({ uid, plaintextRedirected }: Entry): void {
    this.#owner.onPlaintextRedirected?.(uid, plaintextRedirected);
  }

  #begin(entry: Entry): Promise<void> {
    if (entry.gone) return Promise.resolve();
    entry.told = true;
    return this.#owner.onAdd(entry.uid, entry.info, entry.namespace);
  }

  async #outcome(entry: Entry): Promise<string> {
    await entry.attempt;
    if (entry.gone) return 'the pod was removed meanwhile';
    return entry.failure ?? '';
  }

  #drop(entry: Entry, reason: RemovalReason): void {
    entry.gone = true;
    entry.retry?.cancel();
    this.#entries.delete(entry.uid);
    this.#changed();
    const farewell = this.#farewell(entry, reason).then(() => {
      if (this.#farewells.get(entry.uid) === farewell) this.#farewells.delete(entry.uid);
    });
    this.#farewells.set(entry.uid, farewell);
  }

  async #farewell(entry: Entry, reason: RemovalReason): Promise<void> {
    await entry.attempt;
    try {
      if (entry.told) await this.#owner.onRemove(entry.uid, entry.namespace, reason);
    } catch (error) {
      const pod = `${entry.info.namespace}/${entry.info.name}`;
      this.#report(
        new AmbitError('AMBIT_ZDS_REMOVE', `pod ${pod} was not left in good order: ${messageOf(error)}`, {
          cause: error,
        }),
      );
    }
    close(entry.namespace);
  }

  #identify(namespace: number): NamespaceIdentity | undefined {
    try {
      return namespaceIdentity(namespace);
    } catch (error) {
      close(namespace);
      this.#report(new AmbitError('AMBIT_ZDS_NAMESPACE', messageOf(error), { cause: error }));
      return undefined;
    }
  }
}

function same(a: NamespaceIdentity, b: NamespaceIdentity): boolean {
  return a.device === b.device && a.inode === b.inode;
}

function sameInfo(a: PodInfo, b: PodInfo): boolean {
  return a.name === b.name && a.namespace === b.namespace && a.serviceAccount === b.serviceAccount;
}
