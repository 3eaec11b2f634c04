import type { Backend } from './backends.ts';
import type { HttpMatchInit } from './matches.ts';
import type { Specificity } from './precedence.ts';
import type { RetryPolicyInit } from './retry.ts';
import type { RouteFilters } from './route-filters.ts';
import type { SessionInit } from './session-persistence.ts';

export interface RankedMatch {
  readonly match: HttpMatchInit;
  readonly specificity: Specificity;
}

/** A rule of an HTTPRoute or GRPCRoute in the terms of a waypoint. */
export interface RouteRule {
  /** Name, else index. */
  readonly name: string;
  /** None: a waypoint can read none of them. */
  readonly matches: readonly RankedMatch[];
  readonly backends: readonly RuleBackend[];
  readonly filters: RouteFilters;
  readonly timeoutMs: number;
  readonly retry: RetryPolicyInit;
  /** Undefined: each request for itself. */
  readonly session: SessionInit | undefined;
  /** Why it cannot be honoured, with paths; what it matches is then answered with 500. */
  readonly problems: readonly string[];
}

export interface RuleBackend extends Backend {
  readonly filters: RouteFilters;
}
