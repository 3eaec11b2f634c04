import { type LocalAnswer, localAnswer } from '../local-answer.ts';
import type { RuleOutcome } from './rate-limits.ts';

const MS_PER_S = 1_000;

/** 429 with what Envoy says, the reason, and when the next request will be admitted. gRPC clients get UNAVAILABLE, as from Envoy. */
export function rateLimitAnswer(refusal: RuleOutcome): LocalAnswer {
  const answer = localAnswer(429, 'RL', 'local_rate_limited', 'local_rate_limited');
  const fields = [
    'x-envoy-ratelimited',
    'true',
    'x-ambit-reason',
    'AMBIT_RATE_LIMITED',
    'retry-after',
    String(Math.max(1, Math.ceil(refusal.retryAfterMs / MS_PER_S))),
  ];
  return { ...answer, fields };
}

/** What an answer tells of the limits that its request has met: name, value, name, value… */
export function rateLimitFields(outcomes: readonly RuleOutcome[]): readonly string[] {
  const fields: string[] = [];
  const told = outcomes.filter(({ rule }) => rule.limit.headers === 'standard');
  if (told.length > 0) {
    // draft-ietf-httpapi-ratelimit-headers: lists of structured fields, an item for each rule.
    fields.push('ratelimit-policy', told.map(policyItem).join(', '), 'ratelimit', told.map(stateItem).join(', '));
  }
  const closest = outcomes
    .filter(({ rule }) => rule.limit.headers === 'x-ratelimit')
    .reduce<RuleOutcome | undefined>(
      (least, one) => (least === undefined || one.remaining < least.remaining ? one : least),
      undefined,
    );
  if (closest !== undefined) {
    const { requests, window } = quotaOf(closest);
    fields.push(
      ...['x-ratelimit-limit', `${requests}, ${requests};w=${window}`],
      ...['x-ratelimit-remaining', String(closest.remaining)],
      ...['x-ratelimit-reset', String(Math.ceil(closest.fullInMs / MS_PER_S))],
    );
  }
  return fields;
}

function policyItem(outcome: RuleOutcome): string {
  const { requests, window } = quotaOf(outcome);
  return `"${outcome.rule.rule.name}";q=${requests};w=${window}`;
}

function stateItem({ rule, remaining, fullInMs }: RuleOutcome): string {
  return `"${rule.rule.name}";r=${remaining};t=${Math.ceil(fullInMs / MS_PER_S)}`;
}

/** Windows are whole seconds: of an interval that is none, what comes back in one second, or in those that it is rounded up to. */
function quotaOf({ rule }: RuleOutcome): { readonly requests: number; readonly window: number } {
  const { requests, intervalMs } = rule.rule;
  const window = Math.ceil(intervalMs / MS_PER_S);
  return { requests: Math.floor((requests * window * MS_PER_S) / intervalMs), window };
}
