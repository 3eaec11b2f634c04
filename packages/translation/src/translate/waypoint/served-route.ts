import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DirectResponseSchema,
  ForwardSchema,
  HttpRouteSchema,
  WeightedDestinationSchema,
} from '@ambit/proto/waypoint';
import type { Backend } from './backends.ts';
import type { ClusterSet } from './clusters.ts';
import type { RouteCandidate } from './gateway-routes.ts';
import { DEFAULT_RETRY } from './retry.ts';
import type { HttpMatchInit } from './route-rule.ts';

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;
export type ActionInit =
  | { readonly case: 'forward'; readonly value: MessageInitShape<typeof ForwardSchema> }
  | { readonly case: 'directResponse'; readonly value: MessageInitShape<typeof DirectResponseSchema> };
export type DestinationInit = MessageInitShape<typeof WeightedDestinationSchema>;

/** A match of a Gateway API rule as a route. */
export function servedRoute({ name, match, rule }: RouteCandidate, clusters: ClusterSet): HttpRouteInit {
  const { backends, timeoutMs, retry } = rule;
  const destinations = weighted(backends, clusters);
  return {
    name,
    matches: matchesOf([match]),
    action: { case: 'forward', value: { destinations, timeoutMs, retry } },
  };
}

/** What is done with the requests of a port that no object routes: they go where they were sent. */
export function defaultRoute(destination: DestinationInit): HttpRouteInit {
  return {
    name: 'default',
    action: { case: 'forward', value: { destinations: [destination], retry: DEFAULT_RETRY } },
  };
}

/** Backends by the names of their clusters; without target, or without the subset asked for, the name is empty. */
export function weighted(backends: readonly Backend[], clusters: ClusterSet): DestinationInit[] {
  return backends.map(({ target, weight }) => ({
    cluster: target === undefined ? '' : (clusters.nameOf(target.service, target.port, target.subset) ?? ''),
    weight,
  }));
}

/** Matches of a route, none when one of them takes every request. */
export function matchesOf(matches: readonly HttpMatchInit[]): HttpMatchInit[] {
  const takesAll = matches.some((match) =>
    Object.values(match).every((value) => value === undefined || (Array.isArray(value) && value.length === 0)),
  );
  return takesAll ? [] : [...matches];
}
