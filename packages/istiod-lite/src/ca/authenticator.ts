import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { REFUSALS_PER_ADDRESS_BURST, REFUSALS_PER_ADDRESS_PER_SECOND } from '../limits.ts';
import { RateLimit } from './rate-limit.ts';
import type { Caller, TokenVerifier } from './caller.ts';

/** Tells callers by their bearer token; there is no other way. Addresses whose calls keep being refused are refused unseen. */
export class Authenticator {
  readonly #tokens: TokenVerifier;
  readonly #refusals: RateLimit;

  constructor(tokens: TokenVerifier, clock: Clock) {
    this.#tokens = tokens;
    this.#refusals = new RateLimit(
      { burst: REFUSALS_PER_ADDRESS_BURST, perSecond: REFUSALS_PER_ADDRESS_PER_SECOND },
      clock,
    );
  }

  /**
   * The caller behind the bearer token of a call from an IP address; undefined when it carries none, or several. Rejects with
   * `AMBIT_TOKEN_REFUSED` or, for an address with too many refusals, `AMBIT_TOO_MANY_REFUSALS`; the reasons are for the log.
   * An error that is `retryable` is no verdict on the caller, and nothing is counted against it.
   */
  async authenticate(token: string | undefined, address: string): Promise<Caller> {
    if (!this.#refusals.hasRoom(address)) {
      throw new AmbitError('AMBIT_TOO_MANY_REFUSALS', `calls from ${address} were refused too often`, {
        source: 'peer',
      });
    }
    try {
      if (token === undefined) {
        throw new AmbitError('AMBIT_TOKEN_REFUSED', 'the call carries no bearer token', { source: 'peer' });
      }
      return await this.#tokens.verify(token);
    } catch (error) {
      if (!(error instanceof AmbitError && error.retryable)) this.#refusals.take(address);
      throw error;
    }
  }

  /** Counts a refusal for another reason than the token. */
  countRefusal(address: string): void {
    this.#refusals.take(address);
  }
}

/** The IP address of a gRPC peer (`10.0.0.1:1234`, `[::1]:1234`). */
export function addressOfPeer(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
