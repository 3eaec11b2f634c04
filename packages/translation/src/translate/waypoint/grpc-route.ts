import type { GrpcRoute, GrpcRouteMatch } from '../../gateway-objects.ts';
import type { BackendResolver } from './backends.ts';
import { notHonoured } from './not-honoured.ts';
import type { Specificity } from './precedence.ts';
import { DEFAULT_RETRY } from './retry.ts';
import {
  exact,
  filterPaths,
  type HttpMatchInit,
  namedMatches,
  readBackends,
  regex,
  type RouteReading,
  type StringMatchInit,
} from './route-rule.ts';

const RULE_FIELDS = ['name', 'matches', 'filters', 'backendRefs'];

/** Reads a GRPCRoute. A call of method M of service S is a request for the path `/S/M`. */
export function readGrpcRoute(route: GrpcRoute, resolver: BackendResolver): RouteReading {
  const rules = (route.spec.rules ?? []).map((rule, index) => {
    const path = `spec.rules[${index}]`;
    const { backends, problems } = readBackends(rule.backendRefs ?? [], route, resolver);
    return {
      rule: {
        name: rule.name ?? String(index),
        matches: (rule.matches ?? [{}]).map((match) => readMatch(match)),
        backends,
        timeoutMs: 0,
        retry: DEFAULT_RETRY,
      },
      problems,
      notHonoured: [...notHonoured(rule, RULE_FIELDS, path), ...filterPaths(rule, path)],
    };
  });
  return {
    rules: rules.map(({ rule }) => rule),
    notHonoured: [
      ...notHonoured(route.spec, ['parentRefs', 'hostnames', 'rules'], 'spec'),
      ...rules.flatMap((one) => one.notHonoured),
    ],
    references: rules.flatMap(({ problems }) => problems),
  };
}

/** Names go before expressions; then the longer service, the longer method, and more headers go first. */
function readMatch({ method, headers = [] }: GrpcRouteMatch): { match: HttpMatchInit; specificity: Specificity } {
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
