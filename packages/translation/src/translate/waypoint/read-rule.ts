import type {
  BackendReference,
  HttpRouteMatch,
  RouteFilter,
  RouteObject,
  SessionPolicy,
} from '../../gateway-objects.ts';
import { objectName } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import type { BackendResolver, ReferenceProblem, ResolvedBackend } from './backends.ts';
import { readFilters } from './route-filters.ts';
import type { RouteRule } from './route-rule.ts';
import { sessionOf, sessionProblems } from './session-persistence.ts';
import { ruleRoute } from './rule-route.ts';
import { objectionsTo } from './waypoint-objections.ts';

/** What the kinds of routes read each in its own way. */
export interface RuleParts extends Pick<RouteRule, 'matches' | 'name' | 'retry' | 'timeoutMs'> {
  readonly filters: readonly RouteFilter[];
  readonly backendRefs: readonly BackendReference[];
  /** Of the rule: `spec.rules[0]`. */
  readonly path: string;
  /** What filters that replace a prefix replace. */
  readonly matchedPrefix: string;
  readonly session: SessionPolicy | undefined;
  /** Paths of fields that are not honoured. */
  readonly notHonoured: readonly string[];
}

/** A route object at one Service, and who finds its backends. */
export interface RuleContext {
  readonly route: RouteObject;
  readonly parent: MeshService | undefined;
  readonly resolver: BackendResolver;
}

export function readRule(
  { filters, backendRefs, path, matchedPrefix, notHonoured, session: policy, ...parts }: RuleParts,
  { route, parent, resolver }: RuleContext,
): { readonly rule: RouteRule; readonly references: ReferenceProblem[] } {
  const resolve = (reference: BackendReference): ResolvedBackend => resolver.resolve(reference, route, parent);
  const whole = readFilters(filters, { path: `${path}.filters`, level: 'rule', matchedPrefix, resolve });
  const backends = backendRefs.map((reference, index) => {
    const place = `${path}.backendRefs[${index}].filters`;
    const own = readFilters(reference.filters ?? [], { path: place, level: 'backend', matchedPrefix, resolve });
    const { backend, problem } = resolve(reference);
    return {
      backend: { ...backend, filters: own.filters },
      own,
      references: [...own.references, ...(problem === undefined ? [] : [problem])],
    };
  });
  const problems = [
    ...notHonoured.map((field) => `${field}: not honoured`),
    ...sessionProblems(policy, `${path}.sessionPersistence`),
    ...whole.problems,
    ...backends.flatMap(({ own }) => own.problems),
  ];
  const session =
    policy === undefined ? undefined : sessionOf(policy, `${route.kind} ${objectName(route.metadata)} ${path}`);
  const rule = {
    ...parts,
    session,
    filters: whole.filters,
    backends: backends.map(({ backend }) => backend),
    problems,
  };
  return {
    rule: acceptable(rule, path),
    references: [...whole.references, ...backends.flatMap(({ references }) => references)],
  };
}

/** Without the matches that a waypoint cannot read, and with what it would object to among the problems. */
function acceptable(rule: RouteRule, path: string): RouteRule {
  const matches = rule.matches.map(({ match }) => match);
  const route = ruleRoute(rule, { name: rule.name, matches, port: 1, clusterOf: () => '' });
  const objections = objectionsTo(route, path);
  if (objections.length === 0) return rule;
  const readable = rule.matches.filter(({ match }) => {
    const action = { case: 'directResponse', value: { status: 500 } } as const;
    return objectionsTo({ name: rule.name, matches: [match], action }, path).length === 0;
  });
  return { ...rule, matches: readable, problems: [...rule.problems, ...objections] };
}

/** The path that the one PathPrefix match of a rule takes; `` for all. */
export function matchedPrefixOf(matches: readonly HttpRouteMatch[]): string {
  return (matches[0]?.path?.value ?? '/').replace(/\/+$/, '');
}
