import { backoffDelay } from '@ambit/core/backoff';
import { type IpAddress, isIpv6, isLinkLocal, isLoopback, isUnspecified } from '@ambit/core/address';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import {
  ADDRESSES_PER_NAME,
  MAX_NAME_TTL,
  MAX_NAMES,
  MIN_NAME_TTL,
  NAME_GONE_AFTER,
  NAME_LOOKUPS_AT_ONCE,
  NAME_RETRY_FIRST,
  NAME_RETRY_LONGEST,
} from '../limits.ts';
import type { LookUp, LookupResult } from './name-lookup.ts';

/** What is known of a name. */
export interface NameState {
  /** In order; empty when nothing is known. */
  readonly addresses: readonly IpAddress[];
  /** Why there is no address, or why those that are there may be old; undefined: they are as fresh as they should be. */
  readonly failure: string | undefined;
}

export interface EndpointNamesParts {
  readonly lookUp: LookUp;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Whether IPv6 addresses come before IPv4 ones; of a name that has both, those of the other family are not used. */
  readonly prefersIpv6: boolean;
  /** Something else is known of a name now. */
  readonly onChange: (name: string, state: NameState) => void;
}

const RETRY = { first: NAME_RETRY_FIRST, longest: NAME_RETRY_LONGEST, jitter: 0.2 } as const;

interface Name {
  state: NameState;
  /** Lookups in a row that failed, or found nothing. */
  failures: number;
  isKnown: boolean;
  timer: Timer | undefined;
}

/**
 * The names by which endpoints without address are known, each looked up again when its answer has become old. An address
 * stays as long as lookups fail, and goes when the resolver has said several times in a row that there is none.
 */
export class EndpointNames {
  readonly #parts: EndpointNamesParts;
  readonly #names = new Map<string, Name>();
  readonly #waiting: { readonly name: string; readonly entry: Name }[] = [];
  #lookups = 0;
  #settled: (() => void)[] = [];

  constructor(parts: EndpointNamesParts) {
    this.#parts = parts;
  }

  /** Names by what is known of them. */
  get counts(): { readonly resolved: number; readonly stale: number; readonly unresolved: number } {
    const states = [...this.#names.values()].map(({ state }) => state);
    const stale = states.filter(({ addresses, failure }) => addresses.length > 0 && failure !== undefined).length;
    const unresolved = states.filter(({ addresses }) => addresses.length === 0).length;
    return { resolved: states.length - stale - unresolved, stale, unresolved };
  }

  /** What is known of a name; undefined: nobody has asked for it. */
  stateOf(name: string): NameState | undefined {
    return this.#names.get(name)?.state;
  }

  /** Begins to look a name up. `known`: what a predecessor knew. Does nothing for a name that is looked up already. */
  add(name: string, known: readonly IpAddress[] = []): NameState {
    const before = this.#names.get(name);
    if (before !== undefined) return before.state;
    if (this.#names.size >= MAX_NAMES) {
      return { addresses: [], failure: `${MAX_NAMES} names are looked up already` };
    }
    const entry: Name = {
      state: { addresses: known, failure: undefined },
      failures: 0,
      isKnown: false,
      timer: undefined,
    };
    this.#names.set(name, entry);
    this.#begin(name, entry);
    return entry.state;
  }

  /** Nobody is called so any more. */
  remove(name: string): void {
    this.#names.get(name)?.timer?.cancel();
    this.#names.delete(name);
    this.#checkSettled();
  }

  /** Resolves when of every name something is known, be it that it cannot be looked up. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#settled.push(resolve);
      this.#checkSettled();
    });
  }

  #begin(name: string, entry: Name): void {
    if (this.#names.get(name) !== entry) return;
    if (this.#lookups >= NAME_LOOKUPS_AT_ONCE) {
      this.#waiting.push({ name, entry });
      return;
    }
    this.#lookups += 1;
    void this.#parts.lookUp(name).then((result) => {
      this.#lookups -= 1;
      if (this.#names.get(name) === entry) this.#take(name, entry, result);
      this.#checkSettled();
      this.#beginNext();
    });
  }

  /** Those whose name was removed meanwhile want nothing any more. */
  #beginNext(): void {
    while (this.#lookups < NAME_LOOKUPS_AT_ONCE) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#begin(next.name, next.entry);
    }
  }

  #take(name: string, entry: Name, result: LookupResult): void {
    const { clock, random, log } = this.#parts;
    const before = entry.state;
    const addresses = result.kind === 'found' ? this.#usable(result.addresses) : [];
    let next: number;
    if (result.kind === 'found' && addresses.length > 0) {
      if (entry.failures > 0) log.info({ name }, 'the name of an endpoint is resolved again');
      entry.failures = 0;
      entry.state = { addresses, failure: undefined };
      next = Math.min(MAX_NAME_TTL, Math.max(MIN_NAME_TTL, result.ttl * 1_000)) * (1 + random() / 10);
    } else {
      entry.failures += 1;
      const reason = result.kind === 'found' ? 'nothing but addresses of the machine itself' : result.reason;
      const isGone = result.kind !== 'failed' && entry.failures >= NAME_GONE_AFTER;
      entry.state = { addresses: isGone ? [] : before.addresses, failure: reason };
      next = backoffDelay(RETRY, entry.failures, random());
      if (entry.failures === 1 || (isGone && before.addresses.length > 0)) {
        const left = entry.state.addresses.length;
        log.warn({ code: 'AMBIT_NAME_LOOKUP', name, reason, left }, 'the name of an endpoint cannot be resolved');
      }
    }
    const isNew = !entry.isKnown || !sameState(before, entry.state);
    entry.isKnown = true;
    entry.timer = clock.setTimeout(
      () => {
        this.#begin(name, entry);
      },
      next,
      { background: true },
    );
    if (isNew) this.#parts.onChange(name, entry.state);
  }

  /**
   * In order, so that the same answer in another order is no news. Whoever speaks for a name must not lead to the proxy itself,
   * nor to what its machine alone reaches, such as the metadata of a cloud.
   */
  #usable(addresses: readonly IpAddress[]): IpAddress[] {
    const foreign = [...new Set(addresses)].filter((ip) => !isLoopback(ip) && !isUnspecified(ip) && !isLinkLocal(ip));
    const preferred = foreign.filter((ip) => isIpv6(ip) === this.#parts.prefersIpv6);
    return (preferred.length > 0 ? preferred : foreign).sort().slice(0, ADDRESSES_PER_NAME);
  }

  #checkSettled(): void {
    if (this.#settled.length === 0 || [...this.#names.values()].some(({ isKnown }) => !isKnown)) return;
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}

function sameState(one: NameState, other: NameState): boolean {
  return (
    (one.failure === undefined) === (other.failure === undefined) &&
    one.addresses.length === other.addresses.length &&
    one.addresses.every((ip, index) => ip === other.addresses[index])
  );
}
