import type {
  LocalRateLimit as Message,
  RateLimitKeyPart as PartMessage,
  RateLimitRule as RuleMessage,
} from '@ambit/proto/waypoint';
import {
  MAX_RATE_LIMIT_BURST,
  MAX_RATE_LIMIT_FILL_MS,
  MAX_RATE_LIMIT_KEY_PARTS,
  MAX_RATE_LIMIT_KEYS,
  MAX_RATE_LIMIT_REQUESTS,
  MAX_RATE_LIMIT_RULES,
} from '../limits.ts';
import { isIdentityField } from '../request/identity-fields.ts';
import type {
  LocalRateLimit,
  RateLimitHeaders,
  RateLimitKeyKind,
  RateLimitKeyPart,
  RateLimitRule,
} from './local-rate-limit.ts';
import type { Problems } from './problems.ts';
import { readMatch } from './read-match.ts';

const HEADERS = ['standard', 'x-ratelimit', 'none'] as const satisfies readonly RateLimitHeaders[];

const KINDS = [
  undefined,
  'source-principal',
  'source-namespace',
  'source-service-account',
  'source-address',
  'header',
  'path',
  'method',
  'claim',
] as const satisfies readonly (RateLimitKeyKind | undefined)[];

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** A string of structured fields without anything to escape: the name stands in response fields. */
const RULE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

export function readLocalRateLimits(messages: readonly Message[], field: string, problems: Problems): LocalRateLimit[] {
  const limits = messages.map((message, index) => readLimit(message, `${field}[${index}]`, problems));
  const rules = limits.flatMap((limit) => limit.rules);
  if (rules.length > MAX_RATE_LIMIT_RULES) {
    problems.add(field, `${rules.length} rules together are more than ${MAX_RATE_LIMIT_RULES}`);
  }
  const keys = rules.reduce((sum, { maxKeys }) => sum + maxKeys, 0);
  if (keys > MAX_RATE_LIMIT_KEYS) problems.add(field, `${keys} keys together are more than ${MAX_RATE_LIMIT_KEYS}`);
  return limits;
}

function readLimit(message: Message, field: string, problems: Problems): LocalRateLimit {
  const { namespace, name, target, dryRun } = message;
  if (namespace === '') problems.add(`${field}.namespace`, 'is empty');
  if (name === '') problems.add(`${field}.name`, 'is empty');
  if (target === '') problems.add(`${field}.target`, 'is empty');
  problems.refuseRepeated(
    `${field}.rules`,
    message.rules.map((rule) => rule.name),
    'name',
  );
  return {
    namespace,
    name,
    target,
    dryRun,
    headers: problems.enumName(HEADERS, message.headers, `${field}.headers`) ?? 'standard',
    rules: message.rules.map((rule, index) => readRule(rule, `${field}.rules[${index}]`, problems)),
  };
}

function readRule(message: RuleMessage, field: string, problems: Problems): RateLimitRule {
  const { name, requests, burst, maxKeys } = message;
  const intervalMs = Number(message.intervalMs);
  if (!RULE_NAME.test(name)) problems.add(`${field}.name`, `"${name}" is no name of lower-case letters, digits, ".-"`);
  within(requests, 1, MAX_RATE_LIMIT_REQUESTS, `${field}.requests`, problems);
  within(burst, 1, MAX_RATE_LIMIT_BURST, `${field}.burst`, problems);
  within(intervalMs, 1, MAX_RATE_LIMIT_FILL_MS, `${field}.interval_ms`, problems);
  const fillMs = (burst * intervalMs) / Math.max(1, requests);
  if (fillMs > MAX_RATE_LIMIT_FILL_MS) {
    problems.add(`${field}.burst`, `${burst} would take longer to come back than ${MAX_RATE_LIMIT_FILL_MS} ms`);
  }
  if (message.key.length > MAX_RATE_LIMIT_KEY_PARTS) {
    problems.add(`${field}.key`, `${message.key.length} parts are more than ${MAX_RATE_LIMIT_KEY_PARTS}`);
  }
  if (message.key.length > 0) within(maxKeys, 1, MAX_RATE_LIMIT_KEYS, `${field}.max_keys`, problems);
  else if (maxKeys !== 0) problems.add(`${field}.max_keys`, 'is set for a rule without key, which has one bucket');
  return {
    ...{ name, requests, intervalMs, burst, maxKeys },
    matches: message.matches.map((match, index) => {
      const where = `${field}.matches[${index}]`;
      if (match.source !== undefined) problems.add(`${where}.source`, 'is not looked at by limits');
      return readMatch(match, where, problems);
    }),
    key: message.key.map((part, index) => readPart(part, `${field}.key[${index}]`, problems)),
  };
}

function readPart({ kind, name }: PartMessage, field: string, problems: Problems): RateLimitKeyPart {
  const known = problems.enumName(KINDS, kind, `${field}.kind`) ?? 'path';
  if (known === 'claim') {
    if (name.length === 0 || name.includes('')) problems.add(`${field}.name`, 'says no claim');
    return { kind: known, name: [...name] };
  }
  if (known !== 'header') {
    if (name.length > 0) problems.add(`${field}.name`, 'goes with headers and claims only');
    return { kind: known, name: [] };
  }
  const [header = ''] = name;
  if (name.length !== 1 || !HEADER_NAME.test(header)) {
    problems.add(`${field}.name`, `"${name.join(' ')}" is not the name of a header in lower case`);
  } else if (isIdentityField(header)) {
    problems.add(`${field}.name`, `${header} is taken out of requests, so that nobody has it; use the identity itself`);
  }
  return { kind: known, name: [header] };
}

function within(value: number, least: number, most: number, field: string, problems: Problems): void {
  if (!(value >= least && value <= most)) problems.add(field, `${value} is not from ${least} to ${most}`);
}
