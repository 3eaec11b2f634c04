/** `workload`: only for the workloads that list its name. */
export type PolicyScope = 'global' | 'namespace' | 'workload';
export type PolicyAction = 'allow' | 'deny';

export type StringMatch =
  | { readonly kind: 'exact' | 'prefix' | 'suffix'; readonly value: string }
  | { readonly kind: 'presence' };

export interface ServiceAccountMatch {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Fields are ANDed, the values of one field ORed, of a `not…` field none may match. An empty list asks nothing. */
export interface PolicyMatch {
  readonly namespaces: readonly StringMatch[];
  readonly notNamespaces: readonly StringMatch[];
  /** Compared with `<trust domain>/ns/<namespace>/sa/<service account>`. */
  readonly principals: readonly StringMatch[];
  readonly notPrincipals: readonly StringMatch[];
  /** Prefixes `ip/length`. */
  readonly sourceIps: readonly string[];
  readonly notSourceIps: readonly string[];
  readonly destinationIps: readonly string[];
  readonly notDestinationIps: readonly string[];
  readonly destinationPorts: readonly number[];
  readonly notDestinationPorts: readonly number[];
  readonly serviceAccounts: readonly ServiceAccountMatch[];
  readonly notServiceAccounts: readonly ServiceAccountMatch[];
  /** Set when something in it could not be read: it then holds for nothing (ALLOW) or for everything (DENY). */
  readonly constant: 'always' | 'never' | undefined;
}

/** Holds when one of its matches does, or when it has none. */
export interface PolicyClause {
  readonly matches: readonly PolicyMatch[];
}

/** Holds when all of its clauses do, also when it has none. */
export interface PolicyRule {
  readonly clauses: readonly PolicyClause[];
}

/** An L4 authorization policy; it matches when one of its rules does, and never without rules. */
export interface Policy {
  /** `namespace/name`, also the name of the xDS resource. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly scope: PolicyScope;
  readonly action: PolicyAction;
  /** Judged and reported, but not enforced. */
  readonly dryRun: boolean;
  readonly rules: readonly PolicyRule[];
  /** Why the controller's version could not be taken as it is; the rules are then narrowed (ALLOW) or widened (DENY). */
  readonly invalid: string | undefined;
}

export const EMPTY_MATCH: PolicyMatch = {
  namespaces: [],
  notNamespaces: [],
  principals: [],
  notPrincipals: [],
  sourceIps: [],
  notSourceIps: [],
  destinationIps: [],
  notDestinationIps: [],
  destinationPorts: [],
  notDestinationPorts: [],
  serviceAccounts: [],
  notServiceAccounts: [],
  constant: undefined,
};

/** Whether a match has no condition at all; such a match counts as not matching. */
export function asksNothing(match: PolicyMatch): boolean {
  const lists: readonly (readonly unknown[])[] = [
    match.namespaces,
    match.notNamespaces,
    match.principals,
    match.notPrincipals,
    match.sourceIps,
    match.notSourceIps,
    match.destinationIps,
    match.notDestinationIps,
    match.destinationPorts,
    match.notDestinationPorts,
    match.serviceAccounts,
    match.notServiceAccounts,
  ];
  return match.constant === undefined && lists.every((list) => list.length === 0);
}
