import { type Decision, type DryRunFinding, NO_DENY_MATCH, noAllowMatch } from '@ambit/mesh/policy/decision';
import type { Subject } from '@ambit/mesh/policy/subject';
import type { AuthorizationPolicy } from '../model/authorization-policy.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { CompiledPolicy } from './compiled-policy.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** The policies of one service or workload made ready: what asks nothing of the request or connection is done. */
export class CompiledAuthorization {
  readonly #ofRequests: PolicySet;
  readonly #ofConnections: PolicySet;

  constructor(policies: readonly AuthorizationPolicy[]) {
    this.#ofRequests = new PolicySet(policies, 'requests');
    this.#ofConnections = new PolicySet(policies, 'connections');
  }

  judgeRequest(subject: Subject, facts: RequestFacts): Verdict {
    return this.#ofRequests.judge(subject, facts);
  }

  /** The first CUSTOM policy of those asked at that point that matches, with the rule by which it does. */
  checkOf(subject: Subject, facts: RequestFacts, point: CheckPoint): CustomMatch | undefined {
    return this.#ofRequests.custom(subject, facts, point);
  }

  /** A connection whose bytes are not looked at. */
  judgeConnection(subject: Subject): Verdict {
    return this.#ofConnections.judge(subject, undefined);
  }
}

/**
 * When an authorizer is asked. In Istio that is before tokens are looked at, so that it may put one into the request; a policy whose
 * rules ask for what a token says can only be asked behind that.
 */
export type CheckPoint = 'before-tokens' | 'behind-tokens';

/** A request that an authorizer is to be asked about. */
export interface CustomMatch {
  /** `namespace/name` of the policy. */
  readonly policy: string;
  readonly rule: number;
  /** `Authorizer.name` */
  readonly authorizer: string;
  /** What is decided when it says no, or nobody can be asked. */
  readonly denied: Decision;
}

/** Undefined without policies: there is nothing to ask then. */
export function compileAuthorization(policies: readonly AuthorizationPolicy[]): CompiledAuthorization | undefined {
  return policies.length === 0 ? undefined : new CompiledAuthorization(policies);
}

class PolicySet {
  readonly #denies: readonly CompiledPolicy[];
  readonly #allows: readonly CompiledPolicy[];
  readonly #customs: readonly CompiledPolicy[];
  /** Of connections nobody is asked: what would ask refuses. */
  readonly #customsRefuse: boolean;
  /** Judged and not enforced. */
  readonly #watching: readonly CompiledPolicy[];
  /** What holds when no DENY and no ALLOW rule matched. */
  readonly #otherwise: Verdict;

  constructor(policies: readonly AuthorizationPolicy[], judges: 'connections' | 'requests') {
    const compile = (some: readonly AuthorizationPolicy[]): readonly CompiledPolicy[] =>
      some.map((policy) => new CompiledPolicy(policy, judges));
    const isWatching = ({ action, dryRun }: AuthorizationPolicy): boolean => dryRun || action === 'audit';
    const enforced = policies.filter((policy) => !isWatching(policy));
    this.#denies = compile(enforced.filter(({ action }) => action === 'deny'));
    this.#allows = compile(enforced.filter(({ action }) => action === 'allow'));
    this.#customs = compile(enforced.filter(({ action }) => action === 'custom'));
    this.#customsRefuse = judges === 'connections';
    this.#watching = compile(policies.filter(isWatching));
    this.#otherwise = verdictOf(
      this.#allows.length > 0 ? noAllowMatch(this.#allows.map(({ key }) => key)) : NO_DENY_MATCH,
    );
  }

  judge(subject: Subject, request: RequestFacts | undefined): Verdict {
    const verdict = this.#judge(subject, request);
    if (this.#watching.length === 0) return verdict;
    const dryRun = this.#findings(subject, request);
    return dryRun.length === 0 ? verdict : { ...verdict, decision: { ...verdict.decision, dryRun } };
  }

  custom(subject: Subject, request: RequestFacts, point: CheckPoint): CustomMatch | undefined {
    for (const policy of this.#customs) {
      if (policy.asksTokens !== (point === 'behind-tokens')) continue;
      const decision = policy.judge(subject, request)?.decision;
      if (decision?.rule === undefined) continue;
      const { authorizer, key } = policy;
      return { policy: key, rule: decision.rule, authorizer, denied: decision };
    }
    return undefined;
  }

  #judge(subject: Subject, request: RequestFacts | undefined): Verdict {
    if (this.#customsRefuse) {
      for (const policy of this.#customs) {
        const verdict = policy.judge(subject, request);
        if (verdict !== undefined) return verdict;
      }
    }
    for (const policy of this.#denies) {
      const verdict = policy.judge(subject, request);
      if (verdict !== undefined) return verdict;
    }
    for (const policy of this.#allows) {
      const verdict = policy.judge(subject, request);
      if (verdict !== undefined) return verdict;
    }
    return this.#otherwise;
  }

  /** An ALLOW in dry run that does not match could have refused; nobody else says anything without a match. */
  #findings(subject: Subject, request: RequestFacts | undefined): DryRunFinding[] {
    const findings: DryRunFinding[] = [];
    for (const policy of this.#watching) {
      const { key, action } = policy;
      const rule = policy.judge(subject, request)?.decision.rule;
      if (action !== 'custom' && (rule !== undefined || action === 'allow'))
        findings.push({ policy: key, action, rule });
    }
    return findings;
  }
}
