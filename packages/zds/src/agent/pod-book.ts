import { type AmbitError, messageOf } from '@ambit/core/errors';
import type { PodInfo } from '../messages.ts';
import type { AgentSession } from './session.ts';

/** A pod that proxies must serve. */
export interface KnownPod {
  readonly info: PodInfo;
  /** Descriptor of its network namespace; undefined when the pod is known but its namespace cannot be had. */
  readonly namespace: number | undefined;
  readonly plaintextRedirected: boolean;
  /** Grows with every `add`, so that an acknowledgement can be told from one of an earlier `add`. */
  readonly serial: number;
}

/** What the book reports to its owner. */
export interface BookEvents {
  /** The newest proxy acknowledged an Add; `error` is empty for success. */
  acknowledged(uid: string, serial: number, error: string): void;
  /** No connected proxy serves the pod any more. */
  removed(uid: string, serial: number): void;
  /** The number of proxies that have greeted, and of those that have their whole snapshot. */
  proxies(greeted: number, synced: number): void;
  /** A proxy has reset connections of the pod that had passed it by. */
  connectionsReset(uid: string, message: string): void;
  /** A session ended by a fault, or a proxy reported one. */
  problem(error: { readonly code: string; readonly message: string }): void;
}

/**
 * The pods of the node and the proxies that are connected. Two proxies at once are the normal state of an upgrade: each
 * gets the whole snapshot, later pods go to the newest alone, removals to all. When the newest goes away, the one before
 * it is told what it missed.
 */
export class PodBook {
  readonly #events: BookEvents;
  readonly #pods = new Map<string, KnownPod>();
  /** In the order of their greetings; the newest is the last. */
  readonly #sessions: AgentSession[] = [];
  readonly #removals = new Map<string, { serial: number; waiting: Set<AgentSession> }>();

  constructor(events: BookEvents) {
    this.#events = events;
  }

  add(uid: string, pod: KnownPod): void {
    this.#pods.set(uid, pod);
    this.#newest()?.add(uid);
  }

  remove(uid: string, serial: number): void {
    this.#pods.delete(uid);
    const removal = { serial, waiting: new Set(this.#sessions) };
    this.#removals.set(uid, removal);
    for (const session of [...this.#sessions]) session.remove(uid);
    this.#settle(uid);
  }

  closeAll(): void {
    for (const session of [...this.#sessions]) session.close();
  }

  uids(): string[] {
    return [...this.#pods.keys()];
  }

  pod(uid: string): KnownPod | undefined {
    return this.#pods.get(uid);
  }

  greeted(session: AgentSession): void {
    this.#sessions.push(session);
    this.#count();
  }

  synced(_session: AgentSession): void {
    this.#count();
  }

  acknowledged(session: AgentSession, uid: string, pod: KnownPod, error: string): void {
    if (session === this.#newest()) this.#events.acknowledged(uid, pod.serial, error);
  }

  cannotTell(session: AgentSession, uid: string, error: unknown): void {
    const pod = this.#pods.get(uid);
    if (session === this.#newest() && pod !== undefined) this.#events.acknowledged(uid, pod.serial, messageOf(error));
  }

  forgotten(session: AgentSession, uid: string, error = ''): void {
    if (error !== '') {
      this.#events.problem({ code: 'AMBIT_ZDS_REFUSED', message: `a proxy could not forget pod ${uid}: ${error}` });
    }
    this.#removals.get(uid)?.waiting.delete(session);
    this.#settle(uid);
  }

  connectionsReset(session: AgentSession, uid: string, message: string): void {
    // Of pods that are none of its own it has nothing to say.
    if (session.told.has(uid) && this.#pods.has(uid)) this.#events.connectionsReset(uid, message);
  }

  ended(session: AgentSession, error: AmbitError | undefined): void {
    const place = this.#sessions.indexOf(session);
    if (place >= 0) this.#sessions.splice(place, 1);
    if (error !== undefined) this.#events.problem(error);
    for (const [uid, { waiting }] of [...this.#removals]) {
      waiting.delete(session);
      this.#settle(uid);
    }
    if (place >= 0) this.#count();
    if (place === this.#sessions.length) this.#catchUp();
  }

  #newest(): AgentSession | undefined {
    return this.#sessions.at(-1);
  }

  #catchUp(): void {
    const newest = this.#newest();
    if (newest === undefined) return;
    for (const [uid, pod] of this.#pods) {
      if (pod.namespace !== undefined && newest.told.get(uid) !== pod.namespace) newest.add(uid);
    }
  }

  #settle(uid: string): void {
    const removal = this.#removals.get(uid);
    if (removal === undefined || removal.waiting.size > 0) return;
    this.#removals.delete(uid);
    this.#events.removed(uid, removal.serial);
  }

  #count(): void {
    this.#events.proxies(this.#sessions.length, this.#sessions.filter((session) => session.synced).length);
  }
}
