import type { CompiledPort, CompiledRoute } from '../compiled-service.ts';
import type { RequestFacts } from '../request/request-facts.ts';

/** The first route of the port that matches; undefined when none does: 404, `LOCAL_ANSWERS.routeNotFound`. */
export function findRoute(port: CompiledPort, facts: RequestFacts): CompiledRoute | undefined {
  for (const route of port.routes) if (matchesRoute(route, facts)) return route;
  return undefined;
}

function matchesRoute({ matchers }: CompiledRoute, facts: RequestFacts): boolean {
  if (matchers.length === 0) return true;
  for (const matcher of matchers) if (matcher.matches(facts)) return true;
  return false;
}
