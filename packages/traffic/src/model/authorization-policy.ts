// What judges requests and connections to a service or workload, read from `ambit.waypoint.AuthorizationPolicy` with everything checked.

export type PolicyAction = 'allow' | 'audit' | 'custom' | 'deny';

export interface AuthorizationPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly action: PolicyAction;
  /** Judged and reported, but not enforced. */
  readonly dryRun: boolean;
  /** It matches when one of them does; none: never. */
  readonly rules: readonly PolicyRule[];
  /** Of `custom`, whom a match asks: `Authorizer.name`; else empty. */
  readonly authorizer: string;
}

export interface PolicyRule {
  /** All must hold; none: it matches everything. */
  readonly clauses: readonly PolicyClause[];
}

export interface PolicyClause {
  /** One must hold. */
  readonly matches: readonly PolicyMatch[];
}

export interface PolicyMatch {
  /** All must hold; there is at least one. */
  readonly conditions: readonly PolicyCondition[];
}

export type ConnectionAttribute =
  | 'destination-ip'
  | 'destination-port'
  | 'remote-ip'
  | 'source-ip'
  | 'source-namespace'
  | 'source-principal'
  | 'source-service-account'
  | 'source-trust-domain';

export type RequestAttribute =
  | 'audience'
  | 'claim'
  | 'header'
  | 'host'
  | 'method'
  | 'path'
  | 'presenter'
  | 'request-principal';

export type PolicyAttribute = ConnectionAttribute | RequestAttribute;

export interface PolicyCondition {
  readonly attribute: PolicyAttribute;
  /** Of `header` its name in lower case, of `claim` the keys on the way to it; else empty. */
  readonly name: readonly string[];
  /** At least one. Of addresses exact `ip/length`, of ports exact numbers, of service accounts exact `namespace/name`. */
  readonly values: readonly ValuePattern[];
  /** Holds when none of the values fits, also when the attribute is not there. */
  readonly negated: boolean;
}

export interface ValuePattern {
  /** `template`, of paths: `{*}` stands for one segment, `{**}`, at most once and behind the others, for any number. */
  readonly kind: 'exact' | 'prefix' | 'present' | 'suffix' | 'template';
  /** Empty for `present`. */
  readonly text: string;
}

/** Whether only requests have the attribute. */
export function isOfRequests(attribute: PolicyAttribute): attribute is RequestAttribute {
  switch (attribute) {
    case 'destination-ip':
    case 'destination-port':
    case 'remote-ip':
    case 'source-ip':
    case 'source-namespace':
    case 'source-principal':
    case 'source-service-account':
    case 'source-trust-domain':
      return false;
    case 'audience':
    case 'claim':
    case 'header':
    case 'host':
    case 'method':
    case 'path':
    case 'presenter':
    case 'request-principal':
      return true;
  }
}

/** Whether only a verified token has the attribute. */
export function isOfTokens(attribute: PolicyAttribute): boolean {
  return TOKEN_ATTRIBUTES.has(attribute);
}

const TOKEN_ATTRIBUTES: ReadonlySet<PolicyAttribute> = new Set(['audience', 'claim', 'presenter', 'request-principal']);
