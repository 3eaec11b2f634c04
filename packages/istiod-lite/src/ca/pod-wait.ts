import type { Clock } from '@ambit/core/clock';
import { MAX_WAITING_REQUESTS, POD_WAIT_MS } from '../limits.ts';

/** Word of the next change of the known pods. */
export interface PodChanges {
  /** Resolves at the next change, or after `milliseconds`. */
  changed(milliseconds: number): Promise<void>;
}

/** Patience with callers whose pods are not known yet: proxies often hear of a pod before the controller does. */
export class PodWait {
  readonly #changes: PodChanges;
  readonly #clock: Clock;
  #waiting = 0;

  constructor(changes: PodChanges, clock: Clock) {
    this.#changes = changes;
    this.#clock = clock;
  }

  /** Asks until the answer is final, again at each change of the pods, and gives the last answer when time is up. */
  async settle<Answer>(ask: () => Answer, isFinal: (answer: Answer) => boolean): Promise<Answer> {
    let answer = ask();
    if (isFinal(answer) || this.#waiting >= MAX_WAITING_REQUESTS) return answer;
    const deadline = this.#clock.now() + POD_WAIT_MS;
    this.#waiting++;
    try {
      while (!isFinal(answer) && this.#clock.now() < deadline) {
        await this.#changes.changed(deadline - this.#clock.now());
        answer = ask();
      }
      return answer;
    } finally {
      this.#waiting--;
    }
  }
}
