/** A pending call; cancelling one that already ran does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time as a parameter, so that tests can turn it by hand. */
export interface Clock {
  /** Monotonic milliseconds, for durations and timeouts. */
  now(): number;
  /** Milliseconds since the Unix epoch, for certificates and logs only. */
  wallTime(): number;
  /** Calls `run` once after `milliseconds`. Does not keep the process alive when `background` is true (default false). */
  setTimeout(run: () => void, milliseconds: number, options?: { background?: boolean }): Timer;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimeout(run, milliseconds, options = {}) {
    const handle = setTimeout(run, milliseconds);
    if (options.background === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** A clock that stands still until `advance` is called; due timers run in order of their time. */
export class ManualClock implements Clock {
  #now = 0;
  #wall: number;
  #due: { at: number; run: () => void }[] = [];

  constructor(wallTime = 0) {
    this.#wall = wallTime;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#wall;
  }

  setTimeout(run: () => void, milliseconds: number): Timer {
    const entry = { at: this.#now + milliseconds, run };
    this.#due.push(entry);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== entry);
      },
    };
  }

  /** Moves time forward and runs what became due, each at its own moment. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#due.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((entry) => entry !== next);
      this.#wall += next.at - this.#now;
      this.#now = next.at;
      next.run();
    }
    this.#wall += end - this.#now;
    this.#now = end;
  }
}
