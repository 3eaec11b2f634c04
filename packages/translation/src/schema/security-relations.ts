import { parseCidr } from '@ambit/core/cidr';
import { quoted } from '../manifest/problem.ts';
import type {
  AuthorizationPolicy,
  PeerAuthentication,
  PolicyRule,
  RequestAuthentication,
  RuleCondition,
  RuleSource,
} from '../objects.ts';
import type { ReportAt } from './relations.ts';
import { istioDurationMs } from './durations.ts';
import { suggestionFor } from './suggestion.ts';

type Path = readonly (number | string)[];

/** Keys that `when` takes; those that end in `[` are followed by a name in brackets. */
const CONDITION_KEYS = [
  'connection.sni',
  'destination.ip',
  'destination.port',
  'remote.ip',
  'request.auth.audiences',
  'request.auth.claims[',
  'request.auth.presenter',
  'request.auth.principal',
  'request.headers[',
  'source.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'source.trustDomain',
  'experimental.envoy.filters.',
];

export function checkAuthorizationPolicy({ spec }: AuthorizationPolicy, report: ReportAt): void {
  checkTargets(spec, report);
  if (spec.action === 'CUSTOM' && spec.provider === undefined)
    report(['spec', 'provider'], 'the action CUSTOM needs a provider');
  if (spec.action !== 'CUSTOM' && spec.provider !== undefined) {
    report(['spec', 'provider'], 'only the action CUSTOM has a provider');
  }
  (spec.rules ?? []).forEach((rule, index) => checkRule(rule, ['spec', 'rules', index], report));
}

export function checkRequestAuthentication({ spec }: RequestAuthentication, report: ReportAt): void {
  checkTargets(spec, report);
  (spec.jwtRules ?? []).forEach((rule, index) => {
    const place = ['spec', 'jwtRules', index];
    const keys = [rule.jwks, rule.jwksUri, rule.jwks_uri].filter((one) => one !== undefined);
    if (keys.length > 1) report(place, 'only one of jwks and jwksUri may be given');
    if (rule.timeout !== undefined && istioDurationMs(rule.timeout) === 0) {
      report([...place, 'timeout'], 'must be at least 1ms');
    }
  });
}

/** An object is for what it selects, or for what it names. */
export function checkTargets(
  { selector, targetRef, targetRefs }: { selector?: unknown; targetRef?: unknown; targetRefs?: unknown },
  report: ReportAt,
): void {
  const targets = [selector, targetRef, targetRefs].filter((target) => target !== undefined);
  if (targets.length > 1) report(['spec'], 'only one of selector, targetRef and targetRefs may be given');
}

// An empty list or map inside a rule would constrain nothing and so widen it, which nobody means who writes it.
function checkRule(rule: PolicyRule, path: Path, report: ReportAt): void {
  for (const part of ['from', 'to', 'when'] as const) {
    if (rule[part]?.length === 0)
      report([...path, part], 'must not be an empty list', 'leave it out to match everything');
  }
  (rule.from ?? []).forEach(({ source }, index) => {
    const place = [...path, 'from', index, 'source'];
    checkLists(source, place, report);
    checkAccounts(source, place, report);
  });
  (rule.to ?? []).forEach(({ operation }, index) => checkLists(operation, [...path, 'to', index, 'operation'], report));
  (rule.when ?? []).forEach((condition, index) => checkCondition(condition, [...path, 'when', index], report));
}

function checkLists(lists: Readonly<Record<string, readonly string[]>>, path: Path, report: ReportAt): void {
  const entries = Object.entries(lists);
  if (entries.length === 0) report(path, 'must say something', 'leave the entry out to match everything');
  for (const [name, values] of entries) {
    if (values.length === 0) report([...path, name], 'must not be an empty list', 'leave it out to match everything');
  }
}

function checkAccounts(source: RuleSource, path: Path, report: ReportAt): void {
  const accounts = source.serviceAccounts ?? source.notServiceAccounts;
  const others = source.principals ?? source.notPrincipals ?? source.namespaces ?? source.notNamespaces;
  if (accounts !== undefined && others !== undefined) {
    report(path, 'service accounts cannot be given together with principals or namespaces');
  }
}

function checkCondition(condition: RuleCondition, path: Path, report: ReportAt): void {
  const { key, values = [], notValues = [] } = condition;
  if (!isConditionKey(key)) {
    const suggestion = suggestionFor(
      key,
      CONDITION_KEYS.filter((known) => /\w$/.test(known)),
    );
    report(
      [...path, 'key'],
      `${quoted(key)} is not a known attribute`,
      suggestion === undefined ? undefined : `did you mean ${suggestion}?`,
    );
  }
  if (values.length === 0 && notValues.length === 0) report(path, 'needs values or notValues');
  for (const list of ['values', 'notValues'] as const) {
    (condition[list] ?? []).forEach((value, index) => {
      const place = [...path, list, index];
      if (['source.ip', 'remote.ip', 'destination.ip'].includes(key) && parseCidr(value) === undefined) {
        report(place, `${quoted(value)} is not an IP block`);
      }
      if (key === 'destination.port' && !isPortText(value)) {
        report(place, `${quoted(value)} is not a port`, 'ports go from "1" to "65535"');
      }
    });
  }
}

function isConditionKey(key: string): boolean {
  return CONDITION_KEYS.some((known) => {
    if (known.endsWith('[')) return key.startsWith(known) && key.endsWith(']') && key.length > known.length + 1;
    return known.endsWith('.') ? key.startsWith(known) && key.length > known.length : key === known;
  });
}

export function checkPeerAuthentication({ spec }: PeerAuthentication, report: ReportAt): void {
  if (spec.portLevelMtls === undefined) return;
  if (Object.keys(spec.selector?.matchLabels ?? {}).length === 0) {
    report(['spec', 'portLevelMtls'], 'needs a selector with labels', 'ports belong to workloads, not to namespaces');
  }
  const ports = Object.keys(spec.portLevelMtls);
  if (ports.length === 0) report(['spec', 'portLevelMtls'], 'must not be empty');
  for (const port of ports) {
    if (!isPortText(port))
      report(['spec', 'portLevelMtls', port], `${quoted(port)} is not a port`, 'ports go from 1 to 65535');
  }
}

function isPortText(text: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535;
}
