/** The pause before the n-th restart in a row, milliseconds: none for the first, then 100 doubling to 5,000. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** A proxy that lived this long, milliseconds, ends the row. */
const STEADY_AFTER = 10_000;
/** Restarts in a row that happen at once: a crash, and a second one soon after it, cost nothing but the start itself. */
const FREE_RESTARTS = 3;

/** Decides how long to wait before the proxy is started again. Pure; times are monotonic milliseconds. */
export class RestartPace {
  #row = 0;

  /** Called when a proxy that started at `startedAt` ended at `now`; the milliseconds to wait before the next start. */
  pauseAfter(startedAt: number, now: number): number {
    this.#row = now - startedAt >= STEADY_AFTER ? 1 : this.#row + 1;
    if (this.#row <= FREE_RESTARTS) return 0;
    return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#row - FREE_RESTARTS - 1));
  }
}
