import { AmbitError } from '@ambit/core/errors';
import { DescriptorCounts } from './descriptor-counts.ts';
import { DESCRIPTOR_SHARE_TIMES, DIAL_ROOM_PART } from './limits.ts';

const NO_LIMIT = 0x7fff_ffff;

/** Memory of a `DescriptorBudget`, as it goes to the threads. */
export interface DescriptorBudgetMemory {
  readonly room: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
}

/**
 * The descriptors that connections of this process may hold together, so that there are always some for everything else.
 * Until `room` is set they may hold any number.
 *
 * Who may take more is decided by what is still free, not by a fixed part: an account takes one more as long as it holds
 * less than `DESCRIPTOR_SHARE_TIMES` what is free. One that takes all it can stops at four fifths of the room, n of them
 * leave 1/(1 + 4n) of it to those that have little, and an account that is alone is hardly limited.
 */
export class DescriptorBudget {
  readonly counts: DescriptorCounts;
  readonly #room: Int32Array;

  static allocate(threads: number): DescriptorBudgetMemory {
    const room = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    new Int32Array(room)[0] = NO_LIMIT;
    return { room, counts: DescriptorCounts.allocate(threads) };
  }

  constructor(memory: DescriptorBudgetMemory) {
    this.counts = new DescriptorCounts(memory.counts);
    this.#room = new Int32Array(memory.room);
  }

  /** Descriptors that connections may hold together. */
  get room(): number {
    return this.#room[0] ?? 0;
  }

  set room(descriptors: number) {
    this.#room[0] = Math.max(0, Math.min(NO_LIMIT, descriptors));
  }

  /** Of the room, what nobody holds; negative when it has shrunk. */
  get free(): number {
    return this.room - this.counts.held;
  }

  /** What one thread takes on behalf of one owner, counted in `counts`; without them on behalf of the whole process. */
  account(thread: number, counts?: DescriptorCounts): DescriptorAccount {
    return new DescriptorAccount(this, thread, counts);
  }
}

/** What a data thread takes of the budget on behalf of one owner. */
export class DescriptorAccount {
  readonly #budget: DescriptorBudget;
  readonly #thread: number;
  readonly #counts: DescriptorCounts | undefined;

  constructor(budget: DescriptorBudget, thread: number, counts: DescriptorCounts | undefined) {
    this.#budget = budget;
    this.#thread = thread;
    this.#counts = counts;
  }

  /**
   * Whether another connection may be accepted. Most connections need a second descriptor for their other side, so that
   * accepting ends a little before connecting does.
   */
  get mayAccept(): boolean {
    const { free } = this.#budget;
    return this.#held < (free - Math.floor(free / DIAL_ROOM_PART)) * DESCRIPTOR_SHARE_TIMES;
  }

  /** Whether another connection may be opened. */
  get mayDial(): boolean {
    return this.#held < this.#budget.free * DESCRIPTOR_SHARE_TIMES;
  }

  taken(): void {
    this.#budget.counts.addHeld(this.#thread, 1);
    this.#counts?.addHeld(this.#thread, 1);
  }

  givenBack(): void {
    this.#budget.counts.addHeld(this.#thread, -1);
    this.#counts?.addHeld(this.#thread, -1);
  }

  /** A listener leaves what comes in its queue, because `mayAccept` is false. */
  waits(): void {
    this.#budget.counts.addWaiting(this.#thread, 1);
    this.#counts?.addWaiting(this.#thread, 1);
  }

  /** It goes on, or is there no more. */
  waitsNoMore(): void {
    this.#budget.counts.addWaiting(this.#thread, -1);
    this.#counts?.addWaiting(this.#thread, -1);
  }

  /** Counts a connection that is not opened because `mayDial` is false, and says why. */
  refusal(): AmbitError {
    this.#budget.counts.addRefused(this.#thread);
    this.#counts?.addRefused(this.#thread);
    return new AmbitError(
      'AMBIT_DESCRIPTORS',
      `connections hold ${this.#budget.counts.held} of ${this.#budget.room} descriptors, ${this.#held} of them for the ` +
        'same owner, and the rest is kept for others (RLIMIT_NOFILE)',
      { source: 'system', retryable: true },
    );
  }

  get #held(): number {
    return (this.#counts ?? this.#budget.counts).held;
  }
}
