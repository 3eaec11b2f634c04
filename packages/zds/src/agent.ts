import { lstatSync, rmSync } from 'node:fs';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError } from '@ambit/core/errors';
import { ControlThread } from './control-thread.ts';
import type { PodInfo } from './messages.ts';
import type { FromAgentThread, Problem } from './thread-messages.ts';

export interface ZdsAgentOptions {
  /** Path of the socket; its folder must exist. */
  readonly path: string;
  readonly clock: Clock;
  /**
   * Proxies that connect wait for `admit`, so that their snapshot names every pod that is made known before: a pod that
   * is missing in it would be given up. Default false.
   */
  readonly held?: boolean;
  /** The number of proxies that have greeted, and of those that have acknowledged the whole snapshot. */
  readonly onProxies?: (greeted: number, synced: number) => void;
  /** A proxy has reset connections of a pod that policies forbid and that had passed it by. */
  readonly onConnectionsReset?: (uid: string, message: string) => void;
  /** A connection ended by a fault, or a proxy could not forget a pod. Nothing has to be done about it. */
  readonly onProblem?: (problem: Problem) => void;
}

/** A pod as the agent knows it. */
export interface AgentPod {
  readonly uid: string;
  readonly info: PodInfo;
  /**
   * Descriptor of the network namespace, open until `remove` has resolved. Undefined for a pod that exists but whose
   * namespace cannot be had: proxies that serve it already go on.
   */
  readonly namespace: number | undefined;
  /**
   * Plaintext that comes to the pod is redirected by now: the proxy also judges the connections that are open and were not,
   * and resets those that policies forbid. Default false.
   */
  readonly plaintextRedirected?: boolean;
}

interface Waiter {
  readonly serial: number;
  readonly resolve: () => void;
  readonly reject: (error: AmbitError) => void;
  patience?: Timer;
}

/** The node agent's end of ZDS: tells connected proxies which pods they serve. */
export class ZdsAgent implements Drainable {
  readonly #options: ZdsAgentOptions;
  readonly #thread: ControlThread;
  readonly #adding = new Map<string, Waiter[]>();
  readonly #removing = new Map<string, Waiter[]>();
  readonly #listening: { resolve: () => void; reject: (error: AmbitError) => void };
  #serial = 0;
  #inode: number | undefined;
  #ended: AmbitError | undefined;
  #closing: Promise<void> | undefined;

  /** Resolves when proxies can connect; rejects with `AMBIT_ZDS_LISTEN`. */
  static async listen(options: ZdsAgentOptions): Promise<ZdsAgent> {
    const listening = Promise.withResolvers<undefined>();
    const agent = new ZdsAgent(options, { resolve: () => listening.resolve(undefined), reject: listening.reject });
    await listening.promise;
    return agent;
  }

  private constructor(
    options: ZdsAgentOptions,
    listening: { resolve: () => void; reject: (error: AmbitError) => void },
  ) {
    this.#options = options;
    this.#listening = listening;
    this.#thread = new ControlThread(
      options.path,
      (message: FromAgentThread) => this.#receive(message),
      (error) => this.#fail(error),
    );
  }

  /**
   * Makes a pod known. Resolves when the newest proxy serves it, be it one that connects later. Rejects with
   * `AMBIT_ZDS_REFUSED` when that proxy answers with an error (it goes on trying, and so may the caller), with
   * `AMBIT_ZDS_NO_PROXY` after `patience` milliseconds (default: none, it waits). The pod stays known in both cases.
   */
  add(pod: AgentPod, options: { patience?: number } = {}): Promise<void> {
    return this.#wait(this.#adding, pod.uid, (serial, waiter) => {
      const { uid, info, namespace, plaintextRedirected = false } = pod;
      this.#thread.post({ kind: 'add', uid, serial, info, namespace, plaintextRedirected });
      if (options.patience === undefined) return;
      waiter.patience = this.#options.clock.setTimeout(() => {
        const message = `no proxy acknowledged pod ${pod.info.namespace}/${pod.info.name} within ${options.patience ?? 0} ms`;
        this.#settle(this.#adding, pod.uid, serial, new AmbitError('AMBIT_ZDS_NO_PROXY', message, { retryable: true }));
      }, options.patience);
    });
  }

  /** Serves proxies from now on, and those that wait already. Idempotent. */
  admit(): void {
    if (this.#ended === undefined) this.#thread.post({ kind: 'admit' });
  }

  /** Makes a pod unknown. Resolves when every connected proxy has taken note; a waiting `add` of it rejects. */
  remove(uid: string): Promise<void> {
    const gone = new AmbitError('AMBIT_ZDS_REMOVED', `pod ${uid} was removed before a proxy served it`);
    this.#settle(this.#adding, uid, this.#serial, gone);
    return this.#wait(this.#removing, uid, (serial) => this.#thread.post({ kind: 'remove', uid, serial }));
  }

  /** Ends all connections, and the socket. Proxies go on serving what they know. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  destroy(): void {
    void this.close();
  }

  async #end(): Promise<void> {
    this.#fail(new AmbitError('AMBIT_ZDS_CLOSED', 'the agent is closed'));
    await this.#thread.stop();
    // The path may have been taken over by the next agent.
    const found = lstatSync(this.#options.path, { throwIfNoEntry: false });
    if (found?.ino === this.#inode) rmSync(this.#options.path, { force: true });
  }

  #wait(waiting: Map<string, Waiter[]>, uid: string, begin: (serial: number, waiter: Waiter) => void): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#serial += 1;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const waiter: Waiter = { serial: this.#serial, resolve: () => resolve(undefined), reject };
    waiting.set(uid, [...(waiting.get(uid) ?? []), waiter]);
    begin(this.#serial, waiter);
    return promise;
  }

  /** Settles what was asked up to `serial`: a later request of the same kind covers the earlier ones. */
  #settle(waiting: Map<string, Waiter[]>, uid: string, serial: number, error?: AmbitError): void {
    const waiters = waiting.get(uid) ?? [];
    const later = waiters.filter((waiter) => waiter.serial > serial);
    if (later.length === 0) waiting.delete(uid);
    else waiting.set(uid, later);
    for (const waiter of waiters) {
      if (waiter.serial > serial) continue;
      waiter.patience?.cancel();
      if (error === undefined) waiter.resolve();
      else waiter.reject(error);
    }
  }

  #receive(message: FromAgentThread): void {
    switch (message.kind) {
      case 'listening':
        this.#inode = message.inode;
        if (this.#options.held !== true) this.admit();
        this.#listening.resolve();
        return;
      case 'notListening':
        this.#fail(new AmbitError(message.problem.code, message.problem.message, { source: 'system' }));
        return;
      case 'acknowledged':
        this.#settle(this.#adding, message.uid, message.serial, refusal(message.uid, message.error));
        return;
      case 'removed':
        this.#settle(this.#removing, message.uid, message.serial);
        return;
      case 'connectionsReset':
        this.#options.onConnectionsReset?.(message.uid, message.message);
        return;
      case 'proxies':
        this.#options.onProxies?.(message.greeted, message.synced);
        return;
      case 'problem':
        this.#options.onProblem?.(message.problem);
        return;
    }
  }

  #fail(error: AmbitError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#listening.reject(error);
    for (const waiting of [this.#adding, this.#removing]) {
      for (const uid of [...waiting.keys()]) this.#settle(waiting, uid, this.#serial, error);
    }
    if (error.code !== 'AMBIT_ZDS_CLOSED') this.#options.onProblem?.(error);
  }
}

function refusal(uid: string, error: string): AmbitError | undefined {
  if (error === '') return undefined;
  return new AmbitError('AMBIT_ZDS_REFUSED', `the proxy does not serve pod ${uid}: ${error}`, {
    source: 'peer',
    retryable: true,
  });
}
