import type { Clock } from '@ambit/core/clock';

/** Waits that can all be ended at once, for loops that must stop when their owner is closed. */
export class Pause {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `milliseconds`, or when `end` is called, whichever comes first. */
  wait(milliseconds: number): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => wake(), milliseconds);
      const wake = (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }

  /** Ends the waits of now and of the future. */
  end(): void {
    this.#ended = true;
    for (const wake of this.#waiting) wake();
  }
}

/** Waits for `work`, which must not reject, but not longer than `milliseconds`. Resolves with whether it came to its end. */
export async function within(clock: Clock, work: Promise<void>, milliseconds: number): Promise<boolean> {
  const pause = new Pause(clock);
  const done = await Promise.race([work.then(() => true), pause.wait(milliseconds).then(() => false)]);
  pause.end();
  return done;
}
