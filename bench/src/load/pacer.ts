import { Worker } from 'node:worker_threads';
import { siblingModule } from '@ambit/core/sibling-module';
import { openEvent } from '@ambit/native/eventfd';

/** What the pacing thread is given. */
export interface PacerPlan {
  /** The event it raises at every intended instant. */
  readonly event: number;
  /** The first instant, in milliseconds of the monotonic clock. */
  readonly start: number;
  /** Milliseconds from one instant to the next. */
  readonly gap: number;
  /** Becomes non-zero when the thread shall end. */
  readonly stop: Int32Array;
}

/**
 * Raises an event at every intended instant of an open loop. The reactor sleeps in whole milliseconds, so a thread of
 * its own does the precise sleeping; it costs the generator's core one more wake-up per request.
 */
export class Pacer {
  readonly event: number = openEvent();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));

  start(start: number, gap: number): void {
    const plan: PacerPlan = { event: this.event, start, gap, stop: this.#stop };
    new Worker(siblingModule(import.meta.url, './pacer-thread'), { workerData: plan });
  }

  stop(): void {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
  }
}
