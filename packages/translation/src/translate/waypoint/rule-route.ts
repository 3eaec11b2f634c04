import type { MessageInitShape } from '@bufbuild/protobuf';
import type { MirrorSchema } from '@ambit/proto/waypoint';
import type { Backend } from './backends.ts';
import type { HttpMatchInit } from './matches.ts';
import { redirectAt } from './redirect.ts';
import type { RouteFilters, RouteMirror } from './route-filters.ts';
import type { RouteRule, RuleBackend } from './route-rule.ts';
import { type DestinationInit, type HttpRouteInit, matchesOf } from './served-route.ts';

export interface RuleRouteContext {
  readonly name: string;
  readonly matches: readonly HttpMatchInit[];
  /** Port of the Service. */
  readonly port: number;
  /** Name of the cluster of a backend, empty when there is none. */
  readonly clusterOf: (target: Backend['target']) => string;
}

/** A rule of the Gateway API as a route for some of its matches. One with problems answers 500. */
export function ruleRoute(rule: RouteRule, { name, matches, port, clusterOf }: RuleRouteContext): HttpRouteInit {
  const route = { name, matches: matchesOf(matches) };
  if (rule.problems.length > 0) return { ...route, action: { case: 'forward', value: {} } };
  const { filters, backends, timeoutMs, retry, session } = rule;
  const { redirect, rewrite, cors } = filters;
  const changes = { ...headersOf(filters), ...(cors === undefined ? {} : { cors }) };
  if (redirect !== undefined) {
    return { ...route, ...changes, action: { case: 'redirect', value: redirectAt(redirect, port) } };
  }
  return {
    ...route,
    ...changes,
    action: {
      case: 'forward',
      value: {
        destinations: backends.map((backend) => destinationOf(backend, port, clusterOf)),
        timeoutMs,
        retry,
        ...(rewrite === undefined ? {} : { rewrite }),
        mirrors: filters.mirrors.map((mirror) => mirrorOf(mirror, clusterOf)),
        ...(session === undefined ? {} : { sessionPersistence: session }),
      },
    },
  };
}

function destinationOf(
  { target, weight, filters }: RuleBackend,
  port: number,
  clusterOf: RuleRouteContext['clusterOf'],
): DestinationInit {
  const { redirect, rewrite, mirrors } = filters;
  return {
    cluster: redirect === undefined ? clusterOf(target) : '',
    weight,
    ...headersOf(filters),
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(redirect === undefined ? {} : { redirect: redirectAt(redirect, port) }),
    mirrors: mirrors.map((mirror) => mirrorOf(mirror, clusterOf)),
  };
}

function headersOf({
  requestHeaders,
  responseHeaders,
}: RouteFilters): Pick<RouteFilters, 'requestHeaders' | 'responseHeaders'> {
  return {
    ...(requestHeaders === undefined ? {} : { requestHeaders }),
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
  };
}

function mirrorOf(
  { target, perMillion }: RouteMirror,
  clusterOf: RuleRouteContext['clusterOf'],
): MessageInitShape<typeof MirrorSchema> {
  return { cluster: clusterOf(target), perMillion };
}
