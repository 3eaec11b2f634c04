import type { GrpcRoute, GrpcRouteMatch } from '../../gateway-objects.ts';
import { exact, namedMatches, regex, type StringMatchInit } from './matches.ts';
import { notHonoured } from './not-honoured.ts';
import { readRule, type RuleContext } from './read-rule.ts';
import { MESH_RETRY } from './retry.ts';
import { requestReading, type RouteReading } from './route-reading.ts';
import type { RankedMatch } from './route-rule.ts';

const RULE_FIELDS = ['name', 'matches', 'filters', 'backendRefs', 'sessionPersistence'];

/** Reads a GRPCRoute. A call of method M of service S is a request for the path `/S/M`. */
export function readGrpcRoute(route: GrpcRoute, context: RuleContext): RouteReading {
  const rules = (route.spec.rules ?? []).map((rule, index) => {
    const path = `spec.rules[${index}]`;
    const { matches = [{}], filters = [], backendRefs = [] } = rule;
    const parts = {
      ...{ path, filters, backendRefs },
      name: rule.name ?? String(index),
      matches: matches.map((match) => readMatch(match)),
      // No filter of a GRPCRoute looks at paths.
      matchedPrefix: '',
      timeoutMs: 0,
      retry: MESH_RETRY,
      session: rule.sessionPersistence,
      notHonoured: notHonoured(rule, RULE_FIELDS, path),
    };
    return readRule(parts, context);
  });
  return requestReading(route, rules);
}

/** Names go before expressions; then the longer service, the longer method, and more headers go first. */
function readMatch({ method, headers = [] }: GrpcRouteMatch): RankedMatch {
  const named = namedMatches(headers, (name) => name.toLowerCase());
  const { type = 'Exact', service = '', method: name = '' } = method ?? {};
  const kind = type === 'Exact' && service !== '' ? 1 : 0;
  const specificity = [kind, service.length, name.length, named.length];
  return { match: { ...pathOf(method), headers: named }, specificity };
}

function pathOf(method: GrpcRouteMatch['method']): { path?: StringMatchInit } {
  const { type = 'Exact', service, method: name } = method ?? {};
  if (service === undefined && name === undefined) return {};
  if (type === 'RegularExpression') return { path: regex(`/${grouped(service)}/${grouped(name)}`) };
  if (service === undefined) return { path: regex(`/[^/]+/${escaped(name ?? '')}`) };
  if (name === undefined) return { path: { kind: { case: 'prefix', value: `/${service}/` } } };
  return { path: exact(`/${service}/${name}`) };
}

function grouped(expression: string | undefined): string {
  return expression === undefined ? '[^/]+' : `(?:${expression})`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
