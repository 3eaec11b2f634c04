import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HttpRouteSchema, WeightedDestinationSchema } from '@ambit/proto/waypoint';
import type { Backend } from './backends.ts';
import type { ClusterSet } from './clusters.ts';
import { MESH_RETRY } from './retry.ts';
import type { HttpMatchInit } from './matches.ts';

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;
export type DestinationInit = MessageInitShape<typeof WeightedDestinationSchema>;

/** What is done with the requests of a port that no object routes: they go where they were sent. */
export function defaultRoute(destination: DestinationInit): HttpRouteInit {
  return {
    name: 'default',
    action: { case: 'forward', value: { destinations: [destination], retry: MESH_RETRY } },
  };
}

/** Backends by the names of their clusters. */
export function weighted(backends: readonly Backend[], clusters: ClusterSet): DestinationInit[] {
  return backends.map(({ target, weight }) => ({ cluster: clusterNameOf(target, clusters), weight }));
}

/** Empty without target, or without the subset asked for. */
export function clusterNameOf(target: Backend['target'], clusters: ClusterSet): string {
  return target === undefined ? '' : (clusters.nameOf(target.service, target.port, target.subset) ?? '');
}

/** Matches of a route, none when one of them takes every request. */
export function matchesOf(matches: readonly HttpMatchInit[]): HttpMatchInit[] {
  const takesAll = matches.some((match) =>
    Object.values(match).every((value) => value === undefined || (Array.isArray(value) && value.length === 0)),
  );
  return takesAll ? [] : [...matches];
}
