import type { CompiledPolicy } from './compile.ts';
import { type Decision, NO_DENY_MATCH, NO_POLICY, noAllowMatch, policyUnknown } from './decision.ts';

/** The policies that judge connections to one workload, sorted by what they do. */
export class PolicySet {
  readonly denies: readonly CompiledPolicy[];
  readonly allows: readonly CompiledPolicy[];
  readonly dryRun: readonly CompiledPolicy[];
  /** Names that the workload lists and that have not arrived. */
  readonly missing: readonly string[];
  /** What holds when no DENY and no ALLOW rule matched. */
  readonly otherwise: Decision;
  /** Set while a listed policy is missing: nothing may be allowed. */
  readonly pending: Decision | undefined;

  constructor(policies: readonly CompiledPolicy[], missing: readonly string[]) {
    const enforced = policies.filter(({ dryRun }) => !dryRun);
    this.denies = enforced.filter(({ action }) => action === 'deny');
    this.allows = enforced.filter(({ action }) => action === 'allow');
    this.dryRun = policies.filter(({ dryRun }) => dryRun);
    this.missing = missing;
    if (this.allows.length > 0) this.otherwise = noAllowMatch(this.allows.map(({ key }) => key));
    else this.otherwise = this.denies.length > 0 ? NO_DENY_MATCH : NO_POLICY;
    const [first] = missing;
    this.pending = first === undefined ? undefined : policyUnknown(first);
  }
}
