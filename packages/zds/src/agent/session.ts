import { AmbitError, messageOf } from '@ambit/core/errors';
import { EBADF, SystemCallError } from '@ambit/native/errno';
import { MESSAGE_DEADLINE_MS } from '../limits.ts';
import { checkHello, decodeResponse, encodeRequest, protocolError, type ZdsRequest } from '../messages.ts';
import type { KnownPod, PodBook } from './pod-book.ts';

/** The packets of one connected proxy, as the session sees them. */
export interface Line {
  /** Throws `AMBIT_SYSCALL` when the packet cannot leave. */
  send(packet: Uint8Array, descriptor: number | undefined): void;
  close(): void;
}

export interface SessionTimer {
  cancel(): void;
}

/** Calls `run` once after some milliseconds. */
export type After = (milliseconds: number, run: () => void) => SessionTimer;

type Step =
  | { readonly kind: 'pod'; readonly uid: string }
  | { readonly kind: 'remove'; readonly uid: string }
  | { readonly kind: 'snapshotSent' };

interface InFlight {
  readonly step: Step;
  /** Of an Add: the pod as it was sent. */
  readonly pod: KnownPod | undefined;
}

/**
 * The agent's end of one connection: greeting, snapshot, then changes, one message at a time, because an acknowledgement
 * does not say what it acknowledges.
 */
export class AgentSession {
  /** What this proxy was told to serve: uid -> namespace descriptor, undefined when it was only told to keep the pod. */
  readonly told: Map<string, number | undefined> = new Map();
  readonly #book: PodBook;
  readonly #line: Line;
  readonly #after: After;
  #phase: 'greeting' | 'snapshot' | 'live' | 'closed' = 'greeting';
  #queue: Step[] = [];
  /** Changes that came while the snapshot was being sent: a proxy takes removals only after it. */
  #late: Step[] = [];
  #inFlight: InFlight | undefined;
  #deadline: SessionTimer | undefined;

  constructor(book: PodBook, line: Line, after: After) {
    this.#book = book;
    this.#line = line;
    this.#after = after;
    this.#await('greeting');
  }

  get synced(): boolean {
    return this.#phase === 'live';
  }

  /** A packet of the proxy; one that breaks the protocol ends the session. */
  receive(packet: Uint8Array): void {
    if (this.#phase === 'closed') return;
    this.#guard(() => this.#take(packet));
  }

  #take(packet: Uint8Array): void {
    if (this.#phase === 'greeting') {
      checkHello(packet);
      this.#deadline?.cancel();
      this.#phase = 'snapshot';
      this.#queue = [...this.#book.uids().map((uid): Step => ({ kind: 'pod', uid })), { kind: 'snapshotSent' }];
      this.#book.greeted(this);
      this.#next();
      return;
    }
    const response = decodeResponse(packet);
    if (response.kind === 'connectionsReset') {
      this.#book.connectionsReset(this, response.uid, response.message);
      return;
    }
    const inFlight = this.#inFlight;
    if (inFlight === undefined) throw protocolError('the proxy acknowledged what was not sent');
    this.#inFlight = undefined;
    this.#deadline?.cancel();
    this.#done(inFlight, response.error);
    this.#next();
  }

  /** Tells the proxy of a pod that is new, or whose namespace changed. */
  add(uid: string): void {
    if (this.#isQueued(uid)) return;
    this.#enqueue({ kind: 'pod', uid });
  }

  /** Tells the proxy to forget a pod. `book.forgotten` is called when it did, or at once when it never knew. */
  remove(uid: string): void {
    if (this.#isQueued(uid)) {
      const others = (step: Step): boolean => step.kind !== 'pod' || step.uid !== uid;
      this.#queue = this.#queue.filter(others);
      this.#late = this.#late.filter(others);
    }
    if (this.told.has(uid)) this.#enqueue({ kind: 'remove', uid });
    else this.#book.forgotten(this, uid);
  }

  /** Ends the session. Idempotent. */
  close(error?: AmbitError): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#deadline?.cancel();
    this.#line.close();
    this.#book.ended(this, error);
  }

  #enqueue(step: Step): void {
    if (this.#phase === 'snapshot') this.#late.push(step);
    else this.#queue.push(step);
    this.#next();
  }

  #isQueued(uid: string): boolean {
    const same = (step: Step): boolean => step.kind === 'pod' && step.uid === uid;
    return this.#queue.some(same) || this.#late.some(same);
  }

  #next(): void {
    this.#guard(() => {
      while (this.#inFlight === undefined && (this.#phase === 'snapshot' || this.#phase === 'live')) {
        const step = this.#queue.shift();
        if (step === undefined) return;
        this.#send(step);
      }
    });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.close(error instanceof AmbitError ? error : new AmbitError('AMBIT_ZDS', messageOf(error), { cause: error }));
    }
  }

  #send(step: Step): void {
    const pod = step.kind === 'pod' ? this.#book.pod(step.uid) : undefined;
    const request = this.#requestFor(step, pod);
    if (request === undefined) return;
    try {
      this.#line.send(encodeRequest(request), request.kind === 'add' ? pod?.namespace : undefined);
    } catch (error) {
      // One pod with a closed namespace or an endless name must not take the others with it.
      const ofThePod = !(error instanceof SystemCallError) || error.errno === EBADF;
      if (request.kind !== 'add' || !ofThePod) throw error;
      this.#book.cannotTell(this, request.uid, error);
      if (this.#phase === 'snapshot') this.#keep(request.uid);
      return;
    }
    if (request.kind === 'add') this.told.set(request.uid, pod?.namespace);
    this.#inFlight = { step, pod };
    this.#await('acknowledgement');
  }

  #requestFor(step: Step, pod: KnownPod | undefined): ZdsRequest | undefined {
    if (step.kind === 'remove' && !this.told.has(step.uid)) {
      this.#book.forgotten(this, step.uid);
      return undefined;
    }
    if (step.kind !== 'pod') return step;
    // Removed since it was queued.
    if (pod === undefined) return undefined;
    const { info, plaintextRedirected } = pod;
    if (pod.namespace !== undefined) return { kind: 'add', uid: step.uid, info, plaintextRedirected };
    if (this.#phase !== 'snapshot') return undefined;
    this.told.set(step.uid, undefined);
    return { kind: 'keep', uid: step.uid };
  }

  #keep(uid: string): void {
    this.told.set(uid, undefined);
    this.#line.send(encodeRequest({ kind: 'keep', uid }), undefined);
    this.#inFlight = { step: { kind: 'pod', uid }, pod: undefined };
    this.#await('acknowledgement');
  }

  #done({ step, pod }: InFlight, error: string): void {
    switch (step.kind) {
      case 'pod':
        if (pod?.namespace !== undefined) this.#book.acknowledged(this, step.uid, pod, error);
        return;
      case 'remove':
        this.told.delete(step.uid);
        this.#book.forgotten(this, step.uid, error);
        return;
      case 'snapshotSent':
        this.#phase = 'live';
        this.#queue.push(...this.#late);
        this.#late = [];
        this.#book.synced(this);
        return;
    }
  }

  #await(what: string): void {
    this.#deadline = this.#after(MESSAGE_DEADLINE_MS, () => {
      this.close(protocolError(`no ${what} from the proxy within ${MESSAGE_DEADLINE_MS} ms`));
    });
  }
}
