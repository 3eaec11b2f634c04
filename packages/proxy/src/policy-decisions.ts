import type { Decision } from '@ambit/mesh/policy/decision';
import { POLICY_DECISIONS } from '@ambit/telemetry/families';
import type { Metrics, NumberMetric } from '@ambit/telemetry/metrics';

/** Counts what policies decide, of one thread. */
export class PolicyDecisions {
  readonly #metrics: Metrics;
  /** Most decisions are like the one before. */
  #last: (Pick<Decision, 'allowed' | 'policy' | 'reason'> & { readonly metric: NumberMetric }) | undefined;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** A decision, and what policies that are not enforced would have said. */
  count(decision: Decision): void {
    const { allowed, policy, reason, dryRun } = decision;
    const last = this.#last;
    if (last?.allowed === allowed && last.policy === policy && last.reason === reason) last.metric.value += 1;
    else this.#count(decision);
    for (const { policy: watching, action, rule } of dryRun) {
      const denies = action === 'deny' || (action === 'allow' && rule === undefined);
      const outcome = denies ? 'deny' : 'allow';
      const [reason, dry] = action === 'audit' ? ['audit', 'false'] : ['dry-run', 'true'];
      this.#metrics.number(POLICY_DECISIONS, watching, action, outcome, reason, dry).value += 1;
    }
  }

  #count({ allowed, policy, reason }: Decision): void {
    const action = reason.startsWith('deny')
      ? 'deny'
      : reason.startsWith('allow') || reason === 'no-allow-match'
        ? 'allow'
        : '';
    const outcome = allowed ? 'allow' : 'deny';
    const metric = this.#metrics.number(POLICY_DECISIONS, policy ?? '', action, outcome, reason, 'false');
    metric.value += 1;
    this.#last = { allowed, policy, reason, metric };
  }
}
