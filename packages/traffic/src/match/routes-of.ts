import type { CompiledPort, CompiledRoute, CompiledRoutes } from '../compiled-service.ts';
import type { TrafficSource } from './source-matcher.ts';

/**
 * The routes of a port as they hold for one client: those of its namespace if that has its own, and of them without what is
 * for other clients. Asked once per connection and version of the port. `source` undefined: the client has no identity.
 */
export function routesOf(port: CompiledPort, source: TrafficSource | undefined): CompiledRoutes {
  const chosen = (source === undefined ? undefined : port.consumers.get(source.namespace)) ?? port.everybody;
  if (!chosen.bySource) return chosen;
  return {
    routes: chosen.routes.flatMap((route) => routeOf(route, source)),
    tcpDestinations: chosen.tcpDestinations,
    bySource: true,
  };
}

/** The route with what it asks of requests of this client; none when it is for others. */
function routeOf(route: CompiledRoute, source: TrafficSource | undefined): readonly CompiledRoute[] {
  const matchers = route.matchers.filter((matcher) => matcher.source?.matches(source) !== false);
  if (matchers.length === route.matchers.length) return [route];
  // Without any it would match everything.
  return matchers.length === 0 ? [] : [{ ...route, matchers }];
}
