import { create } from '@bufbuild/protobuf';
import { HttpRouteSchema } from '@ambit/proto/waypoint';
import { Problems } from '@ambit/traffic/model/problems';
import { readRoute } from '@ambit/traffic/model/read-route';
import type { HttpRouteInit } from './served-route.ts';

/**
 * What a waypoint would object to in a route, by its own reader: expressions that are none or too costly, statuses, too many
 * retries. A resource with such a route would be rejected as a whole, so the object it comes from is refused before.
 */
export function objectionsTo(route: HttpRouteInit, field: string): readonly string[] {
  const problems = new Problems();
  readRoute(create(HttpRouteSchema, route), field, new Set(), problems);
  return problems.list;
}
