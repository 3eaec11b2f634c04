import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
  RateLimitHeaders,
  RateLimitKeyKind,
  type RateLimitRuleSchema,
} from '@ambit/proto/waypoint';
import { Problems } from '@ambit/traffic/model/problems';
import { readLocalRateLimits } from '@ambit/traffic/model/read-local-rate-limit';
import type { LocalRateLimitKey, LocalRateLimitPolicy, LocalRateLimitRule } from '../../rate-limit-objects.ts';
import { gatewayDurationMs } from '../../schema/durations.ts';
import { readHttpMatch } from '../waypoint/http-route.ts';

/** Values with a bucket of their own, where a rule says nothing. */
const DEFAULT_KEYS = 1_024;

const HEADERS = {
  RateLimit: RateLimitHeaders.STANDARD,
  XRateLimit: RateLimitHeaders.X_RATELIMIT,
  None: RateLimitHeaders.NO_RATE_LIMIT_HEADERS,
} as const;

const KEYS: Readonly<Record<LocalRateLimitKey['type'], RateLimitKeyKind>> = {
  Claim: RateLimitKeyKind.CLAIM_KEY,
  Header: RateLimitKeyKind.HEADER_KEY,
  Method: RateLimitKeyKind.METHOD_KEY,
  Path: RateLimitKeyKind.PATH_KEY,
  SourceAddress: RateLimitKeyKind.SOURCE_ADDRESS_KEY,
  SourceNamespace: RateLimitKeyKind.SOURCE_NAMESPACE_KEY,
  SourcePrincipal: RateLimitKeyKind.SOURCE_PRINCIPAL_KEY,
  SourceServiceAccount: RateLimitKeyKind.SOURCE_SERVICE_ACCOUNT_KEY,
};

/** What a policy means where it is for `target`, which shares its buckets. */
export function rateLimitMessage({ metadata, spec }: LocalRateLimitPolicy, target: string): LocalRateLimit {
  return create(LocalRateLimitSchema, {
    namespace: metadata.namespace,
    name: metadata.name,
    target,
    dryRun: spec.mode === 'DryRun',
    headers: HEADERS[spec.responseHeaders ?? 'RateLimit'],
    rules: spec.rules.map(ruleMessage),
  });
}

/** What a waypoint would object to, by its own reader. */
export function objectionsToRateLimits(limits: readonly LocalRateLimit[]): readonly string[] {
  const problems = new Problems();
  readLocalRateLimits(limits, 'local_rate_limits', problems);
  return problems.list;
}

function ruleMessage(rule: LocalRateLimitRule): MessageInitShape<typeof RateLimitRuleSchema> {
  const { name, matches = [], key = [], limit, maxKeys = DEFAULT_KEYS } = rule;
  const { requests, interval = '1s', burst = requests } = limit;
  return {
    ...{ name, requests, burst },
    matches: matches.map((match) => readHttpMatch(match).match),
    key: key.map((part) => ({ kind: KEYS[part.type], name: nameOf(part) })),
    intervalMs: BigInt(gatewayDurationMs(interval) ?? 0),
    maxKeys: key.length === 0 ? 0 : maxKeys,
  };
}

function nameOf({ name, claim = [] }: LocalRateLimitKey): string[] {
  return name === undefined ? [...claim] : [name.toLowerCase()];
}
