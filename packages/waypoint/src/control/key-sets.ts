import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { Metrics } from '@ambit/telemetry/metrics';
import { JWKS_FETCHES, JWKS_SOURCES } from '@ambit/telemetry/request-families';
import type { ServedService } from '@ambit/traffic/model/served-service';
import { type KeySource, keySourceName, type TokenRule } from '@ambit/traffic/model/token-rule';
import { JWKS_SOURCE_LIMIT } from '../limits.ts';
import type { TokenKey, TokenKeysChange } from '../messages.ts';
import type { GuardedFetch } from './guarded-fetch.ts';
import { readKeys } from './read-keys.ts';
import { RemoteKeys } from './remote-keys.ts';

export interface KeySetsOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly fetch: GuardedFetch;
  /** Tells every data thread. */
  readonly broadcast: (change: TokenKeysChange) => void;
}

type Rules = readonly Pick<ServedService, 'tokenRules'>[];

const STATES = ['fresh', 'stale', 'none'] as const;

/** The public keys by which tokens are checked: those that rules bring, and those that are fetched for them. */
export class KeySets {
  readonly #options: KeySetsOptions;
  /** By `keySourceName`. */
  readonly #keys = new Map<string, readonly TokenKey[]>();
  readonly #remote = new Map<string, RemoteKeys>();

  constructor(options: KeySetsOptions) {
    this.#options = options;
  }

  /** Everything, for a data thread that starts. */
  all(): TokenKeysChange {
    const changed = Array.from(this.#keys, ([source, keys]) => ({ source, keys }));
    return { changed, removed: [], settled: [] };
  }

  /** Before services come into force: resolves when the data threads have the keys that rules bring; others are on their way then. */
  async follow(services: Rules): Promise<void> {
    for (const rule of services.flatMap(({ tokenRules }) => tokenRules)) {
      const name = keySourceName(rule.keys);
      if (rule.keys.kind !== 'inline') this.#fetch(name, rule.keys, rule);
      else if (!this.#keys.has(name)) await this.#take(name, rule.keys.jwks, rule);
    }
  }

  /** When they are in force: keys that nobody asks for any more are forgotten. */
  keepOnly(services: Rules): void {
    const names = new Set(services.flatMap(({ tokenRules }) => tokenRules).map(({ keys }) => keySourceName(keys)));
    const removed = [...new Set([...this.#keys.keys(), ...this.#remote.keys()])].filter((name) => !names.has(name));
    if (removed.length === 0) return;
    for (const name of removed) {
      this.#keys.delete(name);
      this.#remote.get(name)?.close();
      this.#remote.delete(name);
    }
    this.#options.broadcast({ changed: [], removed, settled: removed });
  }

  /** A token may have been signed by a key that is not known yet. */
  async wanted(source: string): Promise<void> {
    await this.#remote.get(source)?.wanted();
    this.#options.broadcast({ changed: [], removed: [], settled: [source] });
  }

  /** Sets the gauges, for a scrape. */
  measure(): void {
    const { metrics } = this.#options;
    const states = Array.from(this.#remote.values(), ({ state }) => state);
    for (const state of STATES) {
      metrics.number(JWKS_SOURCES, state).value = states.filter((one) => one === state).length;
    }
  }

  async #take(name: string, jwks: string, { policy }: TokenRule): Promise<void> {
    try {
      const { keys, passedOver } = await readKeys(jwks);
      this.#tell(name, keys);
      if (passedOver.length > 0) this.#options.log.warn({ policy, passedOver }, 'some keys of jwks are not used');
    } catch (error) {
      this.#options.log.error({ policy, reason: messageOf(error) }, 'jwks cannot be used: its tokens are refused');
    }
  }

  #fetch(name: string, source: Exclude<KeySource, { kind: 'inline' }>, { policy, fetchTimeoutMs }: TokenRule): void {
    const { clock, random, log, metrics, fetch } = this.#options;
    const known = this.#remote.get(name);
    if (known !== undefined) {
      known.timeoutMs = fetchTimeoutMs;
      return;
    }
    const place = source.kind === 'uri' ? source.uri : source.issuer;
    if (this.#remote.size >= JWKS_SOURCE_LIMIT) {
      log.error({ policy, place }, 'too many places of public keys: tokens of this one are refused');
      return;
    }
    let trouble = '';
    const remote = new RemoteKeys(source, fetchTimeoutMs, {
      ...{ clock, random, fetch },
      onKeys: (keys) => {
        this.#tell(name, keys);
        log.info({ policy, place, keys: keys.length }, 'public keys of an issuer are there');
      },
      onAttempt: (result, reason) => {
        metrics.number(JWKS_FETCHES, result).value += 1;
        if (reason !== '' && reason !== trouble) {
          const fields = { code: 'AMBIT_JWKS', policy, place, result, reason, kept: this.#keys.has(name) };
          log.warn(fields, 'public keys of an issuer are not all there');
        }
        trouble = reason;
      },
      onExpired: () => {
        this.#tell(name, []);
        log.error(
          { code: 'AMBIT_JWKS', policy, place },
          'public keys are too old and cannot be fetched: tokens are refused',
        );
      },
    });
    this.#remote.set(name, remote);
    void remote.refresh().then(() => {
      this.#options.broadcast({ changed: [], removed: [], settled: [name] });
    });
  }

  #tell(source: string, keys: readonly TokenKey[]): void {
    this.#keys.set(source, keys);
    this.#options.broadcast({ changed: [{ source, keys }], removed: [], settled: [source] });
  }
}
