import { lookup } from 'node:dns/promises';
import { type Timer, systemClock } from '@ambit/core/clock';

/** Milliseconds between two lookups; the next is made however long the last one takes. */
const EVERY = 50;
/** A lookup that takes longer waited for the repetition of a lost datagram (5 s), in milliseconds. */
const SLOW = 2_000;

/** What became of the lookups. */
export interface LookupReport {
  readonly lookups: number;
  /** Those that failed or took longer than two seconds, which is where applications see a failure. */
  readonly lost: number;
}

/** Looks a name up again and again, as applications do that do not keep addresses. */
export class Lookups {
  readonly #name: string;
  #lookups = 0;
  #lost = 0;
  #timer: Timer | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  start(): void {
    this.#timer = systemClock.setTimeout(() => {
      void this.#lookUp();
      this.start();
    }, EVERY);
  }

  stop(): LookupReport {
    this.#timer?.cancel();
    return { lookups: this.#lookups, lost: this.#lost };
  }

  async #lookUp(): Promise<void> {
    this.#lookups += 1;
    const begin = systemClock.now();
    try {
      await lookup(this.#name);
      if (systemClock.now() - begin > SLOW) this.#lost += 1;
    } catch {
      this.#lost += 1;
    }
  }
}
