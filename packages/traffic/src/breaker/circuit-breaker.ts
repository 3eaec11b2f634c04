import { type ClusterMemory, windowsOf } from '../cluster-state/cluster-memory.ts';
import { RollingCounts } from '../cluster-state/rolling-counts.ts';
import type { CircuitBreaker as Policy } from '../model/cluster-limits.ts';

// Words of the header of a cluster's memory.
const STATE = 0;
/** Even, or odd while somebody changes the state. */
const TURN = 1;
const OPENED = 2;
/** The number of a Float64: when the next request may try the endpoints, by the clock that all threads share. */
const PROBE_AT = 2;

const STATES = ['closed', 'open', 'half-open'] as const;
export type BreakerState = (typeof STATES)[number];
const CLOSED = 0;
const OPEN = 1;
const HALF_OPEN = 2;

/** What is to be done with a request: `probe`: it is sent, and what becomes of it decides. */
export type Admission = 'pass' | 'probe' | 'refused';

/**
 * Keeps requests from a cluster of which too many fail. Closed, it counts; when enough tries of a window have failed it opens, and
 * requests are refused. After a while one of them is let through: it closes the breaker, or it stays open for as long again. One
 * that is neither gives its place away after the same time. One state for all data threads.
 */
export class CircuitBreaker {
  readonly #policy: Policy;
  readonly #now: () => number;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #window: RollingCounts;

  /** `now`: milliseconds of a clock that all threads share. */
  constructor(memory: ClusterMemory, thread: number, policy: Policy, now: () => number) {
    this.#policy = policy;
    this.#now = now;
    this.#words = new Int32Array(memory.counts);
    this.#times = new Float64Array(memory.counts);
    this.#window = new RollingCounts(this.#words, windowsOf(memory.threads, 'breaker'), thread, policy.windowMs);
  }

  /** It may have been changing the state. */
  static threadEnded({ counts }: ClusterMemory): void {
    const words = new Int32Array(counts);
    const turn = Atomics.load(words, TURN);
    if (turn % 2 !== 0) Atomics.compareExchange(words, TURN, turn, turn + 1);
  }

  static stateIn({ counts }: ClusterMemory): { readonly state: BreakerState; readonly opened: number } {
    const words = new Int32Array(counts);
    return { state: STATES[Atomics.load(words, STATE)] ?? 'closed', opened: Atomics.load(words, OPENED) };
  }

  get state(): BreakerState {
    return STATES[Atomics.load(this.#words, STATE)] ?? 'closed';
  }

  /** Asked once for each try. */
  admit(): Admission {
    if (Atomics.load(this.#words, STATE) === CLOSED) return 'pass';
    const turn = Atomics.load(this.#words, TURN);
    const now = this.#now();
    if (turn % 2 !== 0 || now < (this.#times[PROBE_AT] ?? 0) || !this.#begin(turn)) return 'refused';
    this.#times[PROBE_AT] = now + this.#policy.openMs;
    Atomics.store(this.#words, STATE, HALF_OPEN);
    this.#end(turn);
    return 'probe';
  }

  /** A try has ended. True when the state has changed with it. */
  tried(admission: Admission, failed: boolean): boolean {
    const now = this.#now();
    if (admission === 'probe') return failed ? this.#probeFailed(now) : this.#close();
    // One that began before it opened says nothing about now.
    if (Atomics.load(this.#words, STATE) !== CLOSED) return false;
    this.#window.add(now, 1, failed ? 1 : 0);
    if (!failed) return false;
    const { first, second } = this.#window.sum(now);
    const { minimumRequests, failurePercent } = this.#policy;
    return first >= minimumRequests && second * 100 >= failurePercent * first && this.#open(now);
  }

  #open(now: number): boolean {
    const turn = Atomics.load(this.#words, TURN);
    if (turn % 2 !== 0 || !this.#begin(turn)) return false;
    const opens = Atomics.load(this.#words, STATE) === CLOSED;
    if (opens) {
      this.#times[PROBE_AT] = now + this.#policy.openMs;
      Atomics.store(this.#words, STATE, OPEN);
      Atomics.add(this.#words, OPENED, 1);
    }
    this.#end(turn);
    return opens;
  }

  #probeFailed(now: number): boolean {
    const turn = Atomics.load(this.#words, TURN);
    if (turn % 2 !== 0 || !this.#begin(turn)) return false;
    this.#times[PROBE_AT] = now + this.#policy.openMs;
    Atomics.store(this.#words, STATE, OPEN);
    this.#end(turn);
    return false;
  }

  #close(): boolean {
    const turn = Atomics.load(this.#words, TURN);
    if (turn % 2 !== 0 || !this.#begin(turn)) return false;
    const closes = Atomics.load(this.#words, STATE) !== CLOSED;
    this.#window.clear();
    Atomics.store(this.#words, STATE, CLOSED);
    this.#end(turn);
    return closes;
  }

  #begin(turn: number): boolean {
    return Atomics.compareExchange(this.#words, TURN, turn, turn + 1) === turn;
  }

  #end(turn: number): void {
    Atomics.store(this.#words, TURN, (turn + 2) | 0);
  }
}
