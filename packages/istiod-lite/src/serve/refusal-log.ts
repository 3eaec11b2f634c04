import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { MAX_RATE_LIMIT_KEYS, REFUSAL_LOG_MS } from '../limits.ts';

/** A refusal as it is logged. */
export interface Refused {
  readonly code: string;
  /** IP address of the caller. */
  readonly address: string;
  readonly reason: string;
}

/** Logs refusals: the first of a kind at once, and those that a caller earns by trying again once in a while, with their number. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #message: string;
  readonly #told = new Map<string, { readonly at: number; unsaid: number }>();

  constructor(message: string, { log, clock }: { readonly log: Logger; readonly clock: Clock }) {
    this.#message = message;
    this.#log = log;
    this.#clock = clock;
  }

  note(refused: Refused): void {
    const { code, address, reason } = refused;
    const key = `${code} ${address} ${reason}`;
    const before = this.#told.get(key);
    const now = this.#clock.now();
    if (before !== undefined && now - before.at < REFUSAL_LOG_MS) {
      before.unsaid++;
      this.#log.debug({ ...refused }, this.#message);
      return;
    }
    const unsaid = before?.unsaid ?? 0;
    this.#told.delete(key);
    this.#told.set(key, { at: now, unsaid: 0 });
    if (this.#told.size > MAX_RATE_LIMIT_KEYS) {
      const [oldest] = this.#told.keys();
      if (oldest !== undefined) this.#told.delete(oldest);
    }
    this.#log.warn({ ...refused, ...(unsaid > 0 ? { repeated: unsaid } : {}) }, this.#message);
  }
}
