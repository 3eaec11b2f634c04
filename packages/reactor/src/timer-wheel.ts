/** A pending call on the loop; cancelling one that ran already does nothing. */
export interface ReactorTimer {
  cancel(): void;
}

/** Milliseconds per slot: what a timer can be late. */
export const TIMER_GRANULARITY_MS = 16;
const SLOTS = 1024;

class WheelTimer implements ReactorTimer {
  readonly tick: number;
  readonly run: () => void;
  wheel: TimerWheel | undefined;
  previous: WheelTimer | undefined;
  next: WheelTimer | undefined;

  constructor(tick: number, run: () => void, wheel: TimerWheel) {
    this.tick = tick;
    this.run = run;
    this.wheel = wheel;
  }

  cancel(): void {
    this.wheel?.remove(this);
  }
}

/**
 * Coarse timers in a hashed wheel: adding and cancelling cost the same whatever their number. A timer never runs early
 * and at most one slot plus the length of the turn before late. Timers further away than one revolution (16 s) stay
 * in their slot and are passed over until their tick comes.
 */
export class TimerWheel {
  readonly #slots: (WheelTimer | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  #tick: number;
  #count = 0;
  /** No timer is due before this tick; it may turn out that none is due then. */
  #earliest: number = Number.POSITIVE_INFINITY;

  constructor(now: number) {
    this.#tick = tickOf(now);
  }

  /** Timers that are pending. */
  get size(): number {
    return this.#count;
  }

  after(now: number, milliseconds: number, run: () => void): ReactorTimer {
    const timer = new WheelTimer(
      Math.max(Math.ceil((now + milliseconds) / TIMER_GRANULARITY_MS), this.#tick + 1),
      run,
      this,
    );
    const slot = timer.tick % SLOTS;
    const first = this.#slots[slot];
    timer.next = first;
    if (first !== undefined) first.previous = timer;
    this.#slots[slot] = timer;
    this.#count += 1;
    if (timer.tick < this.#earliest) this.#earliest = timer.tick;
    return timer;
  }

  remove(timer: WheelTimer): void {
    timer.wheel = undefined;
    this.#count -= 1;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    if (timer.previous !== undefined) timer.previous.next = timer.next;
    else this.#slots[timer.tick % SLOTS] = timer.next;
    // One that is over must not lead to others: from a heap's old part it would keep what is long dead alive.
    timer.previous = undefined;
    timer.next = undefined;
  }

  /** Milliseconds until a timer may be due, at most `limit`. */
  untilNext(now: number, limit: number): number {
    if (this.#count === 0) return limit;
    const milliseconds = this.#earliest * TIMER_GRANULARITY_MS - now;
    return milliseconds <= 0 ? 0 : Math.min(Math.ceil(milliseconds), limit);
  }

  /** Runs what is due through `call`, in order of time as far as slots tell it apart. */
  advance(now: number, call: (run: () => void) => void): void {
    const target = tickOf(now);
    if (target < this.#earliest) {
      this.#tick = target;
      return;
    }
    // After a pause longer than a revolution every slot is looked at once.
    const from = Math.max(this.#tick + 1, target - SLOTS + 1);
    this.#tick = target;
    for (let tick = from; tick <= target && this.#count > 0; tick += 1) this.#runSlot(tick % SLOTS, target, call);
    this.#findEarliest();
  }

  #runSlot(slot: number, target: number, call: (run: () => void) => void): void {
    let due: WheelTimer[] | undefined;
    for (let timer = this.#slots[slot]; timer !== undefined; timer = timer.next) {
      if (timer.tick <= target) (due ??= []).push(timer);
    }
    // The list is newest first; a timer may cancel another that is due in the same slot.
    for (let index = (due?.length ?? 0) - 1; index >= 0; index -= 1) {
      const timer = due?.[index];
      if (timer?.wheel === undefined) continue;
      this.remove(timer);
      call(timer.run);
    }
  }

  /** Looks one revolution ahead; a slot whose timers are all of a later revolution only costs an early look. */
  #findEarliest(): void {
    this.#earliest = Number.POSITIVE_INFINITY;
    if (this.#count === 0) return;
    for (let tick = this.#tick + 1; tick <= this.#tick + SLOTS; tick += 1) {
      if (this.#slots[tick % SLOTS] !== undefined) {
        this.#earliest = tick;
        return;
      }
    }
  }
}

function tickOf(now: number): number {
  return Math.floor(now / TIMER_GRANULARITY_MS);
}
