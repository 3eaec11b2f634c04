import { authorize } from '@ambit/mesh/policy/authorize';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { ConnectionFacts } from '@ambit/mesh/policy/subject';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { StoreChanges } from '@ambit/mesh/store/changes';
import type { Workload } from '@ambit/mesh/workload';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { MAX_WAITING, PENDING_POLICY_WAIT } from '../limits.ts';
import type { PodInfo } from '../messages.ts';
import { Roster } from './roster.ts';

/** A connection that is judged for as long as it lives. */
export interface JudgedConnection {
  readonly pod: PodInfo;
  readonly facts: ConnectionFacts;
  /** Among those that are watched; -1 outside. Only the judge writes it. */
  judgedPlace: number;
  /** The policies in force forbid the connection: end it, now. */
  onForbidden(decision: Decision): void;
}

/** A connection that waits for its first decision. */
interface Waiting {
  readonly connection: JudgedConnection;
  readonly settle: (decision: Decision) => void;
  readonly timer: ReactorTimer;
}

/** A question that has no answer yet. */
export interface Question {
  /** Takes it back. */
  cancel(): void;
}

/** Something that waits for the description of a pod. */
interface Undescribed {
  readonly pod: PodInfo;
  readonly resume: () => void;
  readonly timer: ReactorTimer;
}

/** No decision can be made about a pod that the controller has not described: its policies are unknown. */
export const WORKLOAD_UNKNOWN: Decision = {
  allowed: false,
  pending: true,
  reason: 'policy-unknown',
  policy: undefined,
  rule: undefined,
  message: 'the controller has not described this workload, so that its policies are unknown',
  dryRun: [],
};

/**
 * Judges connections to the pods of this thread: when they come, and again whenever what they were judged by changes.
 * A decision that hangs on something that has not arrived is held for `PENDING_POLICY_WAIT`, then it is a refusal.
 */
export class Judge {
  readonly #reactor: Reactor;
  readonly #store: MeshStore;
  readonly #waiting = new Set<Waiting>();
  readonly #undescribed = new Set<Undescribed>();
  readonly #living = new Map<string, Roster<'judgedPlace', JudgedConnection>>();
  readonly #doubtful = new Map<JudgedConnection, ReactorTimer>();
  /** What the store said of a pod, and when. */
  readonly #described = new WeakMap<PodInfo, { revision: number; workload: Workload | undefined }>();

  constructor(reactor: Reactor, store: MeshStore) {
    this.#reactor = reactor;
    this.#store = store;
  }

  /** Calls `settle` once with a decision that is not pending: at once when there is one (and the result is undefined), else later. */
  ask(connection: JudgedConnection, settle: (decision: Decision) => void): Question | undefined {
    const decision = this.#decide(connection);
    if (!decision.pending || this.#waiting.size >= MAX_WAITING) {
      settle(decision);
      return undefined;
    }
    const waiting: Waiting = {
      connection,
      settle,
      timer: this.#reactor.after(PENDING_POLICY_WAIT, () => {
        this.#waiting.delete(waiting);
        settle(this.#decide(connection));
      }),
    };
    this.#waiting.add(waiting);
    return {
      cancel: () => {
        waiting.timer.cancel();
        this.#waiting.delete(waiting);
      },
    };
  }

  /** Calls `resume` once: when the controller has described the pod, or after `PENDING_POLICY_WAIT`. The result takes it back. */
  whenDescribed(pod: PodInfo, resume: () => void): () => void {
    const entry: Undescribed = {
      pod,
      resume: () => {
        this.#undescribed.delete(entry);
        resume();
      },
      timer: this.#reactor.after(PENDING_POLICY_WAIT, () => {
        entry.resume();
      }),
    };
    this.#undescribed.add(entry);
    return () => {
      entry.timer.cancel();
      this.#undescribed.delete(entry);
    };
  }

  /** Keeps judging a connection that was allowed, until `release`. */
  watch(connection: JudgedConnection): void {
    let living = this.#living.get(connection.pod.uid);
    if (living === undefined) {
      living = new Roster('judgedPlace');
      this.#living.set(connection.pod.uid, living);
    }
    living.add(connection);
  }

  release(connection: JudgedConnection): void {
    if (this.#doubtful.size > 0) {
      this.#doubtful.get(connection)?.cancel();
      this.#doubtful.delete(connection);
    }
    this.#living.get(connection.pod.uid)?.delete(connection);
  }

  /** Judges again what `changes` concern. */
  reconsider(changes: StoreChanges): void {
    for (const waiting of [...this.#waiting]) {
      // Settling one may have taken back another.
      if (!this.#waiting.has(waiting)) continue;
      const decision = this.#decide(waiting.connection);
      if (decision.pending) continue;
      waiting.timer.cancel();
      this.#waiting.delete(waiting);
      this.#guard(() => {
        waiting.settle(decision);
      });
    }
    for (const { pod, resume, timer } of [...this.#undescribed]) {
      if (this.#workload(pod) === undefined) continue;
      timer.cancel();
      this.#guard(resume);
    }
    for (const [uid, living] of [...this.#living]) {
      const connections = living.list();
      const [first] = connections;
      if (first === undefined) {
        // Not as soon as the last one leaves: the next one would come right after.
        this.#living.delete(uid);
        continue;
      }
      const workload = this.#workload(first.pod);
      // A workload that the controller no longer describes is on its way out: what was allowed may end by itself.
      if (workload === undefined || !changes.concern(workload)) continue;
      for (const connection of connections) {
        this.#guard(() => {
          this.#reconsiderOne(connection);
        });
      }
    }
  }

  /** What goes wrong with one connection must not keep the others from being judged. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#reactor.report(error);
    }
  }

  #reconsiderOne(connection: JudgedConnection): void {
    const decision = this.#decide(connection);
    if (decision.allowed) return;
    if (!decision.pending) {
      connection.onForbidden(decision);
      return;
    }
    // What decides is on its way. A connection that was allowed may wait for it as long as a new one does.
    if (this.#doubtful.has(connection)) return;
    const timer = this.#reactor.after(PENDING_POLICY_WAIT, () => {
      this.#doubtful.delete(connection);
      const late = this.#decide(connection);
      if (!late.allowed && late !== WORKLOAD_UNKNOWN) connection.onForbidden(late);
    });
    this.#doubtful.set(connection, timer);
  }

  #decide(connection: JudgedConnection): Decision {
    const workload = this.#workload(connection.pod);
    if (workload === undefined) return WORKLOAD_UNKNOWN;
    return authorize(connection.facts, this.#store.policiesFor(workload));
  }

  #workload(pod: PodInfo): Workload | undefined {
    const { revision } = this.#store;
    const known = this.#described.get(pod);
    if (known?.revision === revision) return known.workload;
    const workload = this.#store.findOwn(pod.namespace, pod.name, pod.serviceAccount);
    this.#described.set(pod, { revision, workload });
    return workload;
  }
}
