import type { Clock, Timer } from '@ambit/core/clock';

/** Runs at the first change at once and then, for as long as changes go on, once per window with what gathered. */
export class PushSchedule {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #run: () => void;
  #window: Timer | undefined;
  #gathered = false;

  constructor(clock: Clock, windowMs: number, run: () => void) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#run = run;
  }

  changed(): void {
    if (this.#window !== undefined) {
      this.#gathered = true;
      return;
    }
    this.#openWindow();
    this.#run();
  }

  stop(): void {
    this.#window?.cancel();
    this.#window = undefined;
  }

  #openWindow(): void {
    this.#window = this.#clock.setTimeout(() => {
      this.#window = undefined;
      if (!this.#gathered) return;
      this.#gathered = false;
      this.#openWindow();
      this.#run();
    }, this.#windowMs);
  }
}
