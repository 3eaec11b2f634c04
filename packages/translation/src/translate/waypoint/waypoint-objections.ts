import { create } from '@bufbuild/protobuf';
import { HttpRouteSchema } from '@ambit/proto/waypoint';
import { FEATURES } from '@ambit/traffic/features';
import { Problems } from '@ambit/traffic/model/problems';
import { readRoute } from '@ambit/traffic/model/read-route';
import { withMeshRetry } from './mesh-retry.ts';
import { DEFAULT_RETRY } from './retry.ts';
import { routeFeatures } from './required-features.ts';
import type { HttpRouteInit } from './served-route.ts';

/**
 * What a waypoint would object to in a route, by its own reader: features that it does not have, expressions that are none or
 * too costly, statuses, too many retries. A resource with such a route would be rejected as a whole, so the object it comes
 * from is refused before.
 */
export function objectionsTo(init: HttpRouteInit, field: string): readonly string[] {
  const route = create(HttpRouteSchema, withMeshRetry(init, DEFAULT_RETRY));
  const unknown = routeFeatures(route).filter((feature) => !FEATURES.has(feature));
  if (unknown.length > 0) return [`${field}: no waypoint of this version knows ${unknown.join(', ')}`];
  const problems = new Problems();
  readRoute(route, field, new Set(), problems);
  return problems.list;
}
