import { parseCidr } from '@ambit/core/cidr';
import { parseSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { COMPARE_ONE_BY_ONE } from '../limits.ts';
import { PrefixTable } from '../prefix-table.ts';
import type { ServiceAccountMatch, StringMatch } from './policy.ts';
import type { Subject } from './subject.ts';

/** Strings of one field, sorted by how they are compared. */
export class StringMatcher {
  readonly #exact: ReadonlySet<string> | undefined;
  readonly #prefixes: readonly string[];
  readonly #suffixes: readonly string[];
  readonly #presence: boolean;

  constructor(matches: readonly StringMatch[]) {
    const exact = new Set<string>();
    const prefixes: string[] = [];
    const suffixes: string[] = [];
    let presence = false;
    for (const match of matches) {
      if (match.kind === 'exact') exact.add(match.value);
      else if (match.kind === 'prefix') prefixes.push(match.value);
      else if (match.kind === 'suffix') suffixes.push(match.value);
      else presence = true;
    }
    this.#exact = exact.size > 0 ? exact : undefined;
    this.#prefixes = prefixes;
    this.#suffixes = suffixes;
    this.#presence = presence;
  }

  matches(value: string): boolean {
    if (this.#presence && value.length > 0) return true;
    if (this.#exact?.has(value) === true) return true;
    for (const prefix of this.#prefixes) if (value.startsWith(prefix)) return true;
    for (const suffix of this.#suffixes) if (value.endsWith(suffix)) return true;
    return false;
  }
}

/** Peers' identities: whole ones by their fields, patterns by their text; an absent identity matches nothing. */
export class PrincipalMatcher {
  readonly #identities: readonly SpiffeId[];
  readonly #patterns: StringMatcher | undefined;

  constructor(matches: readonly StringMatch[]) {
    const identities: SpiffeId[] = [];
    const patterns: StringMatch[] = [];
    for (const match of matches) {
      if (match.kind !== 'exact') {
        patterns.push(match);
        continue;
      }
      // What is no identity can equal none.
      const identity = parseSpiffeId(`spiffe://${match.value}`);
      if (identity !== undefined) identities.push(identity);
    }
    if (identities.length > COMPARE_ONE_BY_ONE) {
      for (const { trustDomain, namespace, serviceAccount } of identities) {
        patterns.push({ kind: 'exact', value: `${trustDomain}/ns/${namespace}/sa/${serviceAccount}` });
      }
      identities.length = 0;
    }
    this.#identities = identities;
    this.#patterns = patterns.length > 0 ? new StringMatcher(patterns) : undefined;
  }

  matches(subject: Subject): boolean {
    const { identity } = subject;
    if (identity === undefined) return false;
    for (const other of this.#identities) {
      if (
        other.serviceAccount === identity.serviceAccount &&
        other.namespace === identity.namespace &&
        other.trustDomain === identity.trustDomain
      ) {
        return true;
      }
    }
    return this.#patterns?.matches(subject.principal()) === true;
  }
}

export class ServiceAccountMatcher {
  readonly #byNamespace = new Map<string, Set<string>>();

  constructor(matches: readonly ServiceAccountMatch[]) {
    for (const { namespace, serviceAccount } of matches) {
      const accounts = this.#byNamespace.get(namespace) ?? new Set();
      this.#byNamespace.set(namespace, accounts.add(serviceAccount));
    }
  }

  matches(identity: SpiffeId | undefined): boolean {
    return identity !== undefined && this.#byNamespace.get(identity.namespace)?.has(identity.serviceAccount) === true;
  }
}

/** `prefixes`: `ip/length`, or an address; what is none is left out. */
export function prefixTable(prefixes: readonly string[]): PrefixTable<true> {
  const table = new PrefixTable<true>();
  for (const prefix of prefixes) {
    const cidr = parseCidr(prefix);
    if (cidr !== undefined) table.add(cidr, true);
  }
  return table;
}
