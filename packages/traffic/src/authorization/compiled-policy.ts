import { allowedBy, type Decision, deniedBy } from '@ambit/mesh/policy/decision';
import type { Subject } from '@ambit/mesh/policy/subject';
import {
  type AuthorizationPolicy,
  isOfRequests,
  isOfTokens,
  type PolicyAction,
  type PolicyAttribute,
  type PolicyClause,
  type PolicyCondition,
  type PolicyRule,
} from '../model/authorization-policy.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { connectionTest } from './connection-condition.ts';
import { requestTest } from './request-condition.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Of connections whose bytes are not looked at there is no request. */
type Condition = (subject: Subject, request: RequestFacts | undefined) => boolean;

/** One must hold: all of its conditions. */
type Clause = readonly (readonly Condition[])[];

/** A rule made ready. */
interface Rule {
  /** As it stands in the policy. */
  readonly index: number;
  readonly clauses: readonly Clause[];
  /** What it decides when it matches. */
  readonly verdict: Verdict;
}

/** A policy made ready for requests, or for connections whose bytes are not looked at. */
export class CompiledPolicy {
  /** `namespace/name` */
  readonly key: string;
  readonly action: PolicyAction;
  /** Of a CUSTOM policy, whom it asks; else empty. */
  readonly authorizer: string;
  /** Some rule of it asks what only a verified token has. */
  readonly asksTokens: boolean;
  readonly #rules: readonly Rule[];

  constructor(policy: AuthorizationPolicy, judges: 'connections' | 'requests') {
    const { action } = policy;
    this.key = `${policy.namespace}/${policy.name}`;
    this.action = action;
    this.authorizer = policy.authorizer;
    this.asksTokens = policy.rules.some((rule) => asks(rule, isOfTokens));
    this.#rules = policy.rules.flatMap((rule, index): Rule[] => {
      const clauses = judges === 'requests' ? rule.clauses : clausesOfConnections(rule, action);
      if (clauses === undefined) return [];
      return [
        {
          index,
          clauses: cheapFirst(clauses).map((clause) => compileClause(clause, action)),
          verdict: verdictOf(this.#decision(index)),
        },
      ];
    });
  }

  /**
   * The verdict of the first rule that matches; undefined when none does. Of an AUDIT policy only its rule counts, and of a CUSTOM
   * policy it is what holds unless somebody is asked.
   */
  judge(subject: Subject, request: RequestFacts | undefined): Verdict | undefined {
    for (const rule of this.#rules) if (matches(rule, subject, request)) return rule.verdict;
    return undefined;
  }

  #decision(rule: number): Decision {
    return isRefusing(this.action) ? deniedBy(this.key, rule, undefined) : allowedBy(this.key, rule);
  }
}

/** A match refuses, or may: then what cannot be asked must not keep it from matching. */
function isRefusing(action: PolicyAction): boolean {
  return action === 'deny' || action === 'custom';
}

function matches({ clauses }: Rule, subject: Subject, request: RequestFacts | undefined): boolean {
  for (const clause of clauses) if (!holds(clause, subject, request)) return false;
  return true;
}

function holds(clause: Clause, subject: Subject, request: RequestFacts | undefined): boolean {
  for (const conditions of clause) if (allHold(conditions, subject, request)) return true;
  return false;
}

function allHold(conditions: readonly Condition[], subject: Subject, request: RequestFacts | undefined): boolean {
  for (const condition of conditions) if (!condition(subject, request)) return false;
  return true;
}

/**
 * What is left of a rule where nobody sees requests, as in Istio: of a DENY or CUSTOM what can be asked, so that it denies more; any other with
 * such a condition never matches (undefined).
 */
function clausesOfConnections({ clauses }: PolicyRule, action: PolicyAction): readonly PolicyClause[] | undefined {
  if (!isRefusing(action)) return clauses.some(asksForRequests) ? undefined : clauses;
  return clauses.flatMap(({ matches }): PolicyClause[] => {
    const left = matches.map(({ conditions }) => ({
      conditions: conditions.filter(({ attribute }) => !isOfRequests(attribute)),
    }));
    // One that asks nothing any more holds, and with it the clause.
    return left.some(({ conditions }) => conditions.length === 0) ? [] : [{ matches: left }];
  });
}

function asksForRequests(clause: PolicyClause): boolean {
  return asks({ clauses: [clause] }, isOfRequests);
}

function asks({ clauses }: PolicyRule, isOf: (attribute: PolicyAttribute) => boolean): boolean {
  const conditions = clauses.flatMap(({ matches }) => matches.flatMap((match) => match.conditions));
  return conditions.some(({ attribute }) => isOf(attribute));
}

function cheapFirst(clauses: readonly PolicyClause[]): readonly PolicyClause[] {
  return [...clauses].sort((a, b) => Number(asksForRequests(a)) - Number(asksForRequests(b)));
}

function compileClause({ matches }: PolicyClause, action: PolicyAction): Clause {
  return matches.map(({ conditions }) => conditions.map((condition) => compileCondition(condition, action)));
}

function compileCondition(condition: PolicyCondition, action: PolicyAction): Condition {
  const { attribute, values, negated } = condition;
  if (!isOfRequests(attribute)) {
    const test = connectionTest(attribute, values);
    return negated ? (subject) => !test(subject) : test;
  }
  // A match refuses in a DENY, asks in a CUSTOM, and keeps out of an ALLOW what must not be in it.
  const test = requestTest(attribute, condition, isRefusing(action) !== negated);
  return (_subject, request) => request !== undefined && test(request) !== negated;
}
