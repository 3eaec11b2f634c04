import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HttpMatchSchema, NamedMatchSchema, StringMatchSchema } from '@ambit/proto/waypoint';
import type { BackendReference, GrpcRoute, HttpRoute, RouteFilter, ValueMatch } from '../../gateway-objects.ts';
import type { Backend, BackendResolver, ReferenceProblem } from './backends.ts';
import type { Specificity } from './precedence.ts';
import type { RetryPolicyInit } from './retry.ts';

export type HttpMatchInit = MessageInitShape<typeof HttpMatchSchema>;
export type StringMatchInit = MessageInitShape<typeof StringMatchSchema>;
type NamedMatchInit = MessageInitShape<typeof NamedMatchSchema>;

/** A rule of an HTTPRoute or GRPCRoute in the terms of a waypoint. */
export interface RouteRule {
  /** Name, else index. */
  readonly name: string;
  readonly matches: readonly { readonly match: HttpMatchInit; readonly specificity: Specificity }[];
  readonly backends: readonly Backend[];
  readonly timeoutMs: number;
  readonly retry: RetryPolicyInit;
}

/** What a route object says. */
export interface RouteReading {
  readonly rules: readonly RouteRule[];
  /** Paths of fields that are not honoured; the object then has no effect. */
  readonly notHonoured: readonly string[];
  readonly references: readonly ReferenceProblem[];
}

/** The backends of a rule; none means 500 for everything. */
export function readBackends(
  references: readonly BackendReference[],
  route: GrpcRoute | HttpRoute,
  resolver: BackendResolver,
): { readonly backends: Backend[]; readonly problems: ReferenceProblem[] } {
  const resolved = references.map((reference) => resolver.resolve(reference, route));
  return {
    backends: resolved.map(({ backend }) => backend),
    problems: resolved.flatMap(({ problem }) => problem ?? []),
  };
}

/** Names and values that must fit. Of several entries with one name, the first counts (Gateway API). */
export function namedMatches(matches: readonly ValueMatch[], nameOf: (name: string) => string): NamedMatchInit[] {
  const first = new Map<string, ValueMatch>();
  for (const match of matches) if (!first.has(nameOf(match.name))) first.set(nameOf(match.name), match);
  return Array.from(first, ([name, { type, value }]): NamedMatchInit => {
    return { name, value: type === 'RegularExpression' ? regex(value) : exact(value) };
  });
}

export function exact(value: string): StringMatchInit {
  return { kind: { case: 'exact', value } };
}

export function regex(value: string): StringMatchInit {
  return { kind: { case: 'regex', value } };
}

/** Paths of the filters of a rule and of its backends: none is honoured. */
export function filterPaths(
  rule: { readonly filters?: readonly RouteFilter[]; readonly backendRefs?: readonly BackendReference[] },
  path: string,
): string[] {
  const ofRule = (rule.filters ?? []).map(({ type }, index) => `${path}.filters[${index}] (${type})`);
  const ofBackends = (rule.backendRefs ?? []).flatMap(({ filters = [] }, backend) =>
    filters.map(({ type }, index) => `${path}.backendRefs[${backend}].filters[${index}] (${type})`),
  );
  return [...ofRule, ...ofBackends];
}
