import type { CompiledRoute, CompiledRoutes } from '../compiled-service.ts';
import type { RequestFacts } from '../request/request-facts.ts';

/**
 * The first of a client's routes (`routesOf`) that matches; undefined when none does: 404, `ROUTE_NOT_FOUND`. Also undefined
 * when an expression was not asked (`facts.tooCostly`): no route behind it may have the request, 431, `MATCH_TOO_COSTLY`.
 */
export function findRoute({ routes }: CompiledRoutes, facts: RequestFacts): CompiledRoute | undefined {
  for (const route of routes) if (matchesRoute(route, facts)) return facts.tooCostly ? undefined : route;
  return undefined;
}

function matchesRoute({ matchers }: CompiledRoute, facts: RequestFacts): boolean {
  if (matchers.length === 0) return true;
  for (const matcher of matchers) if (matcher.matches(facts)) return true;
  return false;
}
