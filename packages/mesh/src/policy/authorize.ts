import type { Decision, DryRunFinding } from './decision.ts';
import type { PolicySet } from './policy-set.ts';
import { type ConnectionFacts, Subject } from './subject.ts';

const subject = new Subject();

/**
 * Judges a connection. A DENY that matches refuses; a policy that has not arrived makes it pending; without ALLOW
 * policies it is allowed; else one of them has to match. Dry-run policies are judged and reported, never enforced.
 */
export function authorize(facts: ConnectionFacts, policies: PolicySet): Decision {
  subject.become(facts);
  const decision = judge(policies);
  if (policies.dryRun.length === 0) return decision;
  const dryRun = dryRunFindings(policies);
  return dryRun.length === 0 ? decision : { ...decision, dryRun };
}

function judge(policies: PolicySet): Decision {
  for (const policy of policies.denies) {
    const decision = policy.judge(subject);
    if (decision !== undefined) return decision;
  }
  if (policies.pending !== undefined) return policies.pending;
  for (const policy of policies.allows) {
    const decision = policy.judge(subject);
    if (decision !== undefined) return decision;
  }
  return policies.otherwise;
}

function dryRunFindings(policies: PolicySet): DryRunFinding[] {
  const findings: DryRunFinding[] = [];
  for (const policy of policies.dryRun) {
    const rule = policy.judge(subject)?.rule;
    // A DENY that does not match has nothing to say; an ALLOW that does not match could have refused.
    if (rule !== undefined || policy.action === 'allow')
      findings.push({ policy: policy.key, action: policy.action, rule });
  }
  return findings;
}
