import { RetryCondition } from '@ambit/proto/waypoint';
import type { HttpRoute, HttpRouteMatch, HttpRouteRule } from '../../gateway-objects.ts';
import { gatewayDurationMs } from '../../schema/durations.ts';
import { exact, namedMatches, regex, type StringMatchInit } from './matches.ts';
import { notHonoured } from './not-honoured.ts';
import type { Specificity } from './precedence.ts';
import { matchedPrefixOf, readRule, type RuleContext } from './read-rule.ts';
import { BACKOFF_BASE_MS, DEFAULT_RETRY_CONDITIONS, MESH_RETRY, type RetryPolicyInit } from './retry.ts';
import { requestReading, type RouteReading } from './route-reading.ts';
import type { RankedMatch } from './route-rule.ts';

const RULE_FIELDS = ['name', 'matches', 'filters', 'backendRefs', 'timeouts', 'retry', 'sessionPersistence'];

/** Reads an HTTPRoute. `hostnames` have no function on a Service (GEP-1294). */
export function readHttpRoute(route: HttpRoute, context: RuleContext): RouteReading {
  const rules = (route.spec.rules ?? [{}]).map((rule, index) => {
    const path = `spec.rules[${index}]`;
    const { matches = [{}], filters = [], backendRefs = [] } = rule;
    const parts = {
      ...{ path, filters, backendRefs },
      name: rule.name ?? String(index),
      matches: matches.map((match) => readHttpMatch(match)),
      matchedPrefix: matchedPrefixOf(matches),
      timeoutMs: durationOf(rule.timeouts?.request),
      retry: retryOf(rule),
      session: rule.sessionPersistence,
      notHonoured: notHonoured(rule, RULE_FIELDS, path),
    };
    return readRule(parts, context);
  });
  return requestReading(route, rules);
}

export function readHttpMatch({ path, method, headers = [], queryParams = [] }: HttpRouteMatch): RankedMatch {
  const { match, specificity } = readPath(path);
  const [named, parameters] = [
    namedMatches(headers, (name) => name.toLowerCase()),
    namedMatches(queryParams, (name) => name),
  ];
  return {
    match: {
      ...match,
      ...(method === undefined ? {} : { method: exact(method) }),
      headers: named,
      queryParameters: parameters,
    },
    specificity: [...specificity, method === undefined ? 0 : 1, named.length, parameters.length],
  };
}

/**
 * Exact paths go before regular expressions and these before prefixes, whose `/` would otherwise hide every expression;
 * among equals the longer goes first. Where expressions stand is the implementation's choice in the Gateway API.
 */
function readPath(written: HttpRouteMatch['path']): { match: { path?: StringMatchInit }; specificity: Specificity } {
  const { type = 'PathPrefix', value = '/' } = written ?? {};
  switch (type) {
    case 'Exact':
      return { match: { path: exact(value) }, specificity: [2, value.length] };
    case 'RegularExpression':
      return { match: { path: regex(value) }, specificity: [1, value.length] };
    case 'PathPrefix': {
      const prefix = value.replace(/\/+$/, '');
      const path: StringMatchInit = { kind: { case: 'pathPrefix', value: prefix } };
      return { match: prefix === '' ? {} : { path }, specificity: [0, prefix.length] };
    }
  }
}

/** The time for one try holds with and without `retry`; what is tried again without it is what the mesh says. */
function retryOf({ retry, timeouts }: HttpRouteRule): RetryPolicyInit {
  const perTry = durationOf(timeouts?.backendRequest);
  const perTryTimeout = perTry === 0 ? {} : { perTryTimeoutMs: perTry };
  if (retry === undefined) return { ...MESH_RETRY, ...perTryTimeout };
  // The default of the CustomResourceDefinition.
  const { attempts = 1, codes = [], backoff } = retry;
  return {
    retries: attempts,
    // Whoever asks for retries wants them of connections that break and of tries that take too long too (GEP-1731).
    conditions: [...DEFAULT_RETRY_CONDITIONS, RetryCondition.RESET],
    statusCodes: [...new Set(codes)].sort((a, b) => a - b),
    ...perTryTimeout,
    backoffBaseMs: backoff === undefined ? BACKOFF_BASE_MS : Math.max(1, durationOf(backoff)),
  };
}

function durationOf(text: string | undefined): number {
  return text === undefined ? 0 : (gatewayDurationMs(text) ?? 0);
}
