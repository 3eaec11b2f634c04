import { type Backoff, backoffDelay } from '@ambit/core/backoff';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { uniform } from '@ambit/kube/random';
import { WRITES_AT_ONCE, WRITES_BURST, WRITES_PER_SECOND } from '../limits.ts';
import type { Counters } from '../serve/counters.ts';

const RETRY: Backoff = { first: 500, longest: 60_000, jitter: 0.2 };

/** About three seconds. */
const EARLY_FAILURES = 3;

export interface WorkQueueParts {
  /** What is written, one word, for log and metric. */
  readonly what: string;
  /** Makes one thing as it should be now; true when something had to be written. Rejects to be asked again later. */
  readonly reconcile: (key: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** In [0, 1), for jitter. Default: the system's. */
  readonly random?: () => number;
}

/**
 * Things to be made as they should be, by key: each at most once at a time, a few at once, failures again after a while that
 * doubles. Writes are limited per second; looking and finding nothing to do is not. Does nothing until it is enabled.
 */
export class WorkQueue implements Drainable {
  readonly #parts: WorkQueueParts;
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  readonly #retries = new Map<string, Timer>();
  /** Why a thing failed last. */
  readonly #told = new Map<string, string>();
  #enabled = false;
  #room = WRITES_BURST;
  #roomAt: number;
  #refill: Timer | undefined;

  constructor(parts: WorkQueueParts) {
    this.#parts = parts;
    this.#roomAt = parts.clock.now();
  }

  /** While disabled nothing begins, and what waits is forgotten. */
  enable(enabled: boolean): void {
    this.#enabled = enabled;
    if (enabled) return;
    this.#waiting.clear();
    this.#failures.clear();
    this.#told.clear();
    for (const timer of this.#retries.values()) timer.cancel();
    this.#retries.clear();
    this.#refill?.cancel();
    this.#refill = undefined;
  }

  add(key: string): void {
    if (!this.#enabled) return;
    this.#waiting.add(key);
    this.#pump();
  }

  /** Lets what has begun end. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    this.enable(false);
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#parts.clock.setTimeout(resolve, deadline);
    });
    await Promise.race([Promise.allSettled(this.#running.values()), late]);
    timer?.cancel();
  }

  destroy(): void {
    this.enable(false);
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= WRITES_AT_ONCE || !this.#hasRoom()) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#retries.get(key)?.cancel();
      this.#retries.delete(key);
      this.#running.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    const { what, reconcile, counters } = this.#parts;
    try {
      if (await reconcile(key)) {
        this.#room--;
        counters.count('ambit_kube_writes_total', { what });
      }
      this.#failures.delete(key);
      this.#told.delete(key);
    } catch (error) {
      this.#room--;
      counters.count('ambit_kube_write_errors_total', { what });
      if (this.#enabled) this.#retry(key, error);
    } finally {
      this.#running.delete(key);
      if (this.#enabled) this.#pump();
    }
  }

  #retry(key: string, error: unknown): void {
    const { what, clock, log, random = uniform } = this.#parts;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const delay = backoffDelay(RETRY, failures, random());
    const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
    // Two writers at one object are everyday life, once; and what was said need not be said at every attempt.
    const isNews = this.#told.get(key) !== messageOf(error);
    // An API server begins to ask a webhook a moment after it was told to.
    const isEarly = code === 'AMBIT_WEBHOOK_UNPROVEN' && failures <= EARLY_FAILURES;
    if (!isEarly) this.#told.set(key, messageOf(error));
    const isEveryday = isEarly || (failures === 1 && code === 'AMBIT_KUBE_CONFLICT');
    const level = !isNews || isEveryday ? 'debug' : 'warn';
    log[level]({ what, object: key, code, reason: messageOf(error), again: Math.round(delay) }, 'could not write');
    this.#retries.get(key)?.cancel();
    this.#retries.set(
      key,
      clock.setTimeout(
        () => {
          this.#retries.delete(key);
          this.add(key);
        },
        delay,
        { background: true },
      ),
    );
  }

  #hasRoom(): boolean {
    const { clock } = this.#parts;
    const now = clock.now();
    this.#room = Math.min(WRITES_BURST, this.#room + ((now - this.#roomAt) / 1_000) * WRITES_PER_SECOND);
    this.#roomAt = now;
    if (this.#room >= 1) return true;
    this.#refill ??= clock.setTimeout(
      () => {
        this.#refill = undefined;
        this.#pump();
      },
      1_000 / WRITES_PER_SECOND,
      { background: true },
    );
    return false;
  }
}
