import type { Clock, Timer } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { KeySource } from '@ambit/traffic/model/token-rule';
import { JWKS_AGE_MS, JWKS_REFETCH_MS, JWKS_REFRESH_MS, JWKS_RETRY_MAX_MS, JWKS_RETRY_MS } from '../limits.ts';
import type { TokenKey } from '../messages.ts';
import type { GuardedFetch } from './guarded-fetch.ts';
import { readKeys } from './read-keys.ts';

export type FetchResult = 'fetched' | 'forbidden' | 'unreachable' | 'unusable';

export interface RemoteKeysParts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly fetch: GuardedFetch;
  readonly onKeys: (keys: readonly TokenKey[]) => void;
  readonly onAttempt: (result: FetchResult, reason: string) => void;
  /** Keys that could not be fetched again for too long are not used any more. */
  readonly onExpired: () => void;
}

/** One place of public keys: fetched, fetched again, and kept for a while when it does not answer. */
export class RemoteKeys {
  readonly #source: Exclude<KeySource, { kind: 'inline' }>;
  readonly #parts: RemoteKeysParts;
  timeoutMs: number;
  #timer: Timer | undefined;
  #under: Promise<void> | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** The keys in force as they were sent; undefined: there are none. */
  #text: string | undefined;
  #closed = false;

  constructor(source: Exclude<KeySource, { kind: 'inline' }>, timeoutMs: number, parts: RemoteKeysParts) {
    this.#source = source;
    this.#parts = parts;
    this.timeoutMs = timeoutMs;
  }

  get state(): 'fresh' | 'none' | 'stale' {
    if (this.#text === undefined) return 'none';
    return this.#failures === 0 ? 'fresh' : 'stale';
  }

  /** Fetches now, unless that is under way; resolves when there is an outcome. Never rejects. */
  refresh(): Promise<void> {
    this.#under ??= this.#attempt().finally(() => {
      this.#under = undefined;
    });
    return this.#under;
  }

  /** A token may have been signed by newer keys. Resolves when they are there, or there are none to be had now. */
  async wanted(): Promise<void> {
    const tooSoon = this.#parts.clock.now() - this.#triedAt < JWKS_REFETCH_MS;
    if (this.#under !== undefined || !tooSoon) await this.refresh();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #attempt(): Promise<void> {
    const { clock, random, onAttempt, onExpired } = this.#parts;
    this.#timer?.cancel();
    this.#triedAt = clock.now();
    const { result, reason } = await this.#fetch();
    if (this.#closed) return;
    onAttempt(result, reason);
    let pauseMs = JWKS_REFRESH_MS * (1 - random() / 10);
    if (result === 'fetched') {
      this.#failures = 0;
      this.#fetchedAt = clock.now();
    } else {
      pauseMs = Math.min(JWKS_RETRY_MS * 2 ** this.#failures, JWKS_RETRY_MAX_MS) * (1 - random() / 2);
      this.#failures += 1;
      if (this.#text !== undefined && clock.now() - this.#fetchedAt >= JWKS_AGE_MS) {
        this.#text = undefined;
        onExpired();
      }
    }
    this.#timer = clock.setTimeout(() => void this.refresh(), pauseMs, { background: true });
  }

  async #fetch(): Promise<{ readonly result: FetchResult; readonly reason: string }> {
    const place = await this.#place();
    if ('result' in place) return place;
    const fetched = await this.#parts.fetch(place.uri, this.timeoutMs);
    if (fetched.kind !== 'fetched') return { result: fetched.kind, reason: fetched.reason };
    if (fetched.text === this.#text) return { result: 'fetched', reason: '' };
    try {
      const { keys, passedOver } = await readKeys(fetched.text);
      // A set without keys is what the issuer says: nothing is signed by those that were there.
      if (this.#closed) return { result: 'fetched', reason: '' };
      this.#text = fetched.text;
      this.#parts.onKeys(keys);
      return { result: 'fetched', reason: passedOver.join('; ') };
    } catch (error) {
      return { result: 'unusable', reason: messageOf(error) };
    }
  }

  /** Where the keys are: an issuer says so in its OpenID configuration (OpenID Connect Discovery 1.0, 4). */
  async #place(): Promise<{ readonly uri: string } | { readonly result: FetchResult; readonly reason: string }> {
    if (this.#source.kind === 'uri') return this.#source;
    const { issuer } = this.#source;
    const configuration = `${issuer.endsWith('/') ? issuer.slice(0, -1) : issuer}/.well-known/openid-configuration`;
    const fetched = await this.#parts.fetch(configuration, this.timeoutMs);
    if (fetched.kind !== 'fetched') return { result: fetched.kind, reason: `OpenID configuration: ${fetched.reason}` };
    const uri = keysPlaceIn(fetched.text);
    if (uri === undefined) return { result: 'unusable', reason: 'the OpenID configuration has no jwks_uri' };
    const isDowngraded = configuration.startsWith('https:') && !uri.startsWith('https:');
    return isDowngraded ? { result: 'forbidden', reason: 'the jwks_uri of an issuer with https has none' } : { uri };
  }
}

function keysPlaceIn(text: string): string | undefined {
  try {
    const configuration: unknown = JSON.parse(text);
    if (typeof configuration !== 'object' || configuration === null || !('jwks_uri' in configuration)) return undefined;
    return typeof configuration.jwks_uri === 'string' ? configuration.jwks_uri : undefined;
  } catch {
    return undefined;
  }
}
