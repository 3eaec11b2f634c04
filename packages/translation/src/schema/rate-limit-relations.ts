import {
  MAX_RATE_LIMIT_BURST,
  MAX_RATE_LIMIT_FILL_MS,
  MAX_RATE_LIMIT_KEYS,
  MAX_RATE_LIMIT_REQUESTS,
} from '@ambit/traffic/limits';
import { isIdentityField } from '@ambit/traffic/request/identity-fields';
import { quoted } from '../manifest/problem.ts';
import type { LocalRateLimitKey, LocalRateLimitPolicy, LocalRateLimitRule } from '../rate-limit-objects.ts';
import { gatewayDurationMs } from './durations.ts';
import { isHeaderName } from './formats.ts';
import type { Path, ReportAt } from './relations.ts';
import { checkHttpMatch } from './route-relations.ts';

const TARGETS: readonly string[] = [
  ' Service',
  'networking.istio.io ServiceEntry',
  'gateway.networking.k8s.io Gateway',
];

/** What the CustomResourceDefinition asks of a LocalRateLimitPolicy by rules. */
export function checkLocalRateLimitPolicy(
  { spec: { targetRefs, rules } }: LocalRateLimitPolicy,
  report: ReportAt,
): void {
  if (targetRefs.length === 0) report(['spec', 'targetRefs'], 'needs one target at least');
  if (rules.length === 0) report(['spec', 'rules'], 'needs one rule at least');
  const targets = new Set<string>();
  for (const [index, { group, kind, name }] of targetRefs.entries()) {
    const path = ['spec', 'targetRefs', index];
    if (!TARGETS.includes(`${group} ${kind}`)) {
      const cause =
        'a Service (group ""), a ServiceEntry (networking.istio.io) or a Gateway (gateway.networking.k8s.io)';
      report([...path, 'kind'], `${quoted(kind)} of the group ${quoted(group)} cannot be its target`, cause);
    }
    const key = [group, kind, name].join('/');
    if (targets.has(key)) report(path, `${quoted(name)} is named twice`);
    targets.add(key);
  }
  const names = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    const path = ['spec', 'rules', index];
    if (names.has(rule.name)) report([...path, 'name'], `another rule is called ${rule.name} too`);
    names.add(rule.name);
    checkRule(rule, path, report);
  }
}

function checkRule(
  { name, matches = [], key = [], limit, maxKeys }: LocalRateLimitRule,
  path: Path,
  report: ReportAt,
): void {
  if (name === '') report([...path, 'name'], 'must not be empty');
  matches.forEach((match, index) => {
    checkHttpMatch(match, [...path, 'matches', index], report);
  });
  key.forEach((part, index) => {
    checkPart(part, [...path, 'key', index], report);
  });
  if (maxKeys !== undefined && key.length === 0) report([...path, 'maxKeys'], 'goes with a key only');
  between(maxKeys ?? 1, 1, MAX_RATE_LIMIT_KEYS, [...path, 'maxKeys'], report);
  const { requests, interval = '1s', burst = requests } = limit;
  between(requests, 1, MAX_RATE_LIMIT_REQUESTS, [...path, 'limit', 'requests'], report);
  between(burst, 1, MAX_RATE_LIMIT_BURST, [...path, 'limit', 'burst'], report);
  const intervalMs = gatewayDurationMs(interval) ?? 0;
  if (intervalMs < 1 || intervalMs > MAX_RATE_LIMIT_FILL_MS) {
    report([...path, 'limit', 'interval'], `${quoted(interval)} is not from 1ms to 744h`);
  } else if (requests > 0 && (burst * intervalMs) / requests > MAX_RATE_LIMIT_FILL_MS) {
    report([...path, 'limit', 'burst'], `${burst} would take longer than 744h to come back`);
  }
}

function checkPart({ type, name, claim }: LocalRateLimitKey, path: Path, report: ReportAt): void {
  if ((type === 'Header') !== (name !== undefined)) report(path, 'name goes with the type Header, and with no other');
  if ((type === 'Claim') !== (claim !== undefined && claim.length > 0)) {
    report(path, 'claim goes with the type Claim, and with no other');
  }
  if (name === undefined) return;
  if (!isHeaderName(name)) report([...path, 'name'], `${quoted(name)} is not the name of a header`);
  else if (isIdentityField(name.toLowerCase())) {
    report([...path, 'name'], `${name} is taken out of requests, so that nobody has it`, 'use SourcePrincipal');
  }
}

function between(value: number, least: number, most: number, path: Path, report: ReportAt): void {
  if (value < least || value > most) report(path, `${value} is not from ${least} to ${most}`);
}
