import type { PrefixTable } from '../prefix-table.ts';
import { allowedBy, type Decision, deniedBy } from './decision.ts';
import {
  asksNothing,
  type Policy,
  type PolicyAction,
  type PolicyMatch,
  type PolicyRule,
  type ServiceAccountMatch,
  type StringMatch,
} from './policy.ts';
import { prefixTable, PrincipalMatcher, ServiceAccountMatcher, StringMatcher } from './value-matchers.ts';
import type { Subject } from './subject.ts';

/** One match with its fields made ready; a field that asks nothing is undefined. */
class CompiledMatch {
  readonly #constant: PolicyMatch['constant'];
  readonly #empty: boolean;
  readonly #ports: ReadonlySet<number> | undefined;
  readonly #notPorts: ReadonlySet<number> | undefined;
  readonly #principals: PrincipalMatcher | undefined;
  readonly #notPrincipals: PrincipalMatcher | undefined;
  readonly #namespaces: StringMatcher | undefined;
  readonly #notNamespaces: StringMatcher | undefined;
  readonly #accounts: ServiceAccountMatcher | undefined;
  readonly #notAccounts: ServiceAccountMatcher | undefined;
  readonly #sources: PrefixTable<true> | undefined;
  readonly #notSources: PrefixTable<true> | undefined;
  readonly #destinations: PrefixTable<true> | undefined;
  readonly #notDestinations: PrefixTable<true> | undefined;

  constructor(match: PolicyMatch) {
    const when = <Value, Ready>(values: readonly Value[], make: (values: readonly Value[]) => Ready) =>
      values.length === 0 ? undefined : make(values);
    const strings = (values: readonly StringMatch[]) => new StringMatcher(values);
    const principals = (values: readonly StringMatch[]) => new PrincipalMatcher(values);
    const accounts = (values: readonly ServiceAccountMatch[]) => new ServiceAccountMatcher(values);
    const ports = (values: readonly number[]) => new Set(values);
    this.#constant = match.constant;
    this.#empty = asksNothing(match);
    this.#ports = when(match.destinationPorts, ports);
    this.#notPorts = when(match.notDestinationPorts, ports);
    this.#principals = when(match.principals, principals);
    this.#notPrincipals = when(match.notPrincipals, principals);
    this.#namespaces = when(match.namespaces, strings);
    this.#notNamespaces = when(match.notNamespaces, strings);
    this.#accounts = when(match.serviceAccounts, accounts);
    this.#notAccounts = when(match.notServiceAccounts, accounts);
    this.#sources = when(match.sourceIps, prefixTable);
    this.#notSources = when(match.notSourceIps, prefixTable);
    this.#destinations = when(match.destinationIps, prefixTable);
    this.#notDestinations = when(match.notDestinationIps, prefixTable);
  }

  /** Cheap fields first. */
  matches(subject: Subject): boolean {
    if (this.#constant !== undefined) return this.#constant === 'always';
    if (this.#empty) return false;
    const { destinationPort, identity } = subject;
    if (this.#ports !== undefined && !this.#ports.has(destinationPort)) return false;
    if (this.#notPorts?.has(destinationPort) === true) return false;
    if (this.#principals !== undefined && !this.#principals.matches(subject)) return false;
    if (this.#notPrincipals?.matches(subject) === true) return false;
    // Without an identity the namespace is empty, which `not` lists do not hold and presence does not accept.
    if (this.#namespaces !== undefined && !this.#namespaces.matches(identity?.namespace ?? '')) return false;
    if (this.#notNamespaces?.matches(identity?.namespace ?? '') === true) return false;
    if (this.#accounts !== undefined && !this.#accounts.matches(identity)) return false;
    if (this.#notAccounts?.matches(identity) === true) return false;
    if (this.#sources !== undefined && !this.#sources.contains(subject.source())) return false;
    if (this.#notSources?.contains(subject.source()) === true) return false;
    if (this.#destinations !== undefined && !this.#destinations.contains(subject.destination())) return false;
    return this.#notDestinations?.contains(subject.destination()) !== true;
  }
}

class CompiledRule {
  readonly #clauses: readonly (readonly CompiledMatch[])[];
  /** What this rule decides when it matches. */
  readonly decision: Decision;

  constructor(rule: PolicyRule, decision: Decision) {
    // A clause without matches holds always, so that it need not be asked.
    const asked = rule.clauses.filter(({ matches }) => matches.length > 0);
    this.#clauses = asked.map(({ matches }) => matches.map((match) => new CompiledMatch(match)));
    this.decision = decision;
  }

  matches(subject: Subject): boolean {
    for (const matches of this.#clauses) {
      if (!anyMatches(matches, subject)) return false;
    }
    return true;
  }
}

/** A policy made ready for judging: everything that does not depend on the connection is done. */
export class CompiledPolicy {
  readonly key: string;
  readonly action: PolicyAction;
  readonly dryRun: boolean;
  readonly #rules: readonly CompiledRule[];

  constructor(policy: Policy) {
    const { key, action, dryRun, invalid } = policy;
    this.key = key;
    this.action = action;
    this.dryRun = dryRun;
    this.#rules = policy.rules.map(
      (rule, index) =>
        new CompiledRule(rule, action === 'allow' ? allowedBy(key, index) : deniedBy(key, index, invalid)),
    );
  }

  /** The decision of the first rule that matches; undefined when none does. */
  judge(subject: Subject): Decision | undefined {
    for (const rule of this.#rules) {
      if (rule.matches(subject)) return rule.decision;
    }
    return undefined;
  }
}

export function compilePolicy(policy: Policy): CompiledPolicy {
  return new CompiledPolicy(policy);
}

function anyMatches(matches: readonly CompiledMatch[], subject: Subject): boolean {
  for (const match of matches) {
    if (match.matches(subject)) return true;
  }
  return false;
}
