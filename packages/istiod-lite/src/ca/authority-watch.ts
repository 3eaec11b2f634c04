import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { AUTHORITY_LOOK_MS } from '../limits.ts';
import type { Counters } from '../serve/counters.ts';
import type { AuthorityInForce } from './authority-in-force.ts';
import type { AuthorityMaterial } from './signing-key.ts';

/** What stands where an authority is plugged in. */
export interface FoundAuthority {
  readonly material: AuthorityMaterial;
  /** No handover is wanted: see `AuthorityInForce.take`. */
  readonly atOnce: boolean;
}

export interface AuthorityWatchParts {
  readonly authority: AuthorityInForce;
  /** Rejects with `AMBIT_CA_FILES` for what cannot be used, and with what is `retryable` when it cannot be read now. */
  readonly read: () => Promise<FoundAuthority>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

/** Looks every `AUTHORITY_LOOK_MS` whether another authority is plugged in, and puts it in force. What cannot be used changes nothing. */
export class AuthorityWatch implements Drainable {
  readonly #parts: AuthorityWatchParts;
  #timer: Timer | undefined;
  /** Why what stands there is not in force, as it was told. */
  #refused: string | undefined;
  #closed = false;

  constructor(parts: AuthorityWatchParts) {
    this.#parts = parts;
    parts.counters.gauge({
      name: 'ambit_ca_refused',
      help: '1 while what is plugged in as authority cannot be used and the one before stays in force.',
      read: () => Number(this.#refused !== undefined),
    });
    this.#lookLater();
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { authority, read, counters, log } = this.#parts;
    try {
      const { material, atOnce } = await read();
      if (this.#closed) return;
      if (await authority.take(material, { atOnce })) counters.count('ambit_ca_changes_total', { result: 'taken' });
      if (this.#refused !== undefined) log.info('what is plugged in as authority can be used again');
      this.#refused = undefined;
    } catch (error) {
      // What cannot be read now is read later.
      if (this.#closed || (error instanceof AmbitError && error.retryable)) return;
      const reason = messageOf(error);
      if (reason === this.#refused) return;
      this.#refused = reason;
      counters.count('ambit_ca_changes_total', { result: 'refused' });
      const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
      log.error({ code, reason }, 'what is plugged in as authority is not taken; the one before stays in force');
    }
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer = this.#parts.clock.setTimeout(
      () => {
        void this.#look().then(() => this.#lookLater());
      },
      AUTHORITY_LOOK_MS,
      { background: true },
    );
  }
}
