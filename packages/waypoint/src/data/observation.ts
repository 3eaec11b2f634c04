import type { DryRunFinding } from '@ambit/mesh/policy/decision';

/** What the log calls a finding of a policy that is not enforced: `audit`, or what a policy in dry run would have done. */
export function observationOf(finding: DryRunFinding | undefined): string | undefined {
  if (finding === undefined) return undefined;
  const { action, rule } = finding;
  if (action === 'audit') return 'audit';
  return action === 'allow' && rule !== undefined ? 'dry-run-allow' : 'dry-run-deny';
}
