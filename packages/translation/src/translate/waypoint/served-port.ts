import { Protocol } from '@ambit/proto/waypoint';
import type { ServicePort } from '../../objects.ts';
import type { ClusterSet } from './clusters.ts';
import type { PortRoutes, RouteSet } from './gateway-routes.ts';
import { protocolOf } from './protocol.ts';
import { MESH_RETRY } from './retry.ts';
import { ruleRoute } from './rule-route.ts';
import { clusterNameOf, type HttpRouteInit, weighted } from './served-route.ts';

/**
 * What a port is served as. One of undeclared protocol whose connections are routed, and nobody's requests, is one of TCP:
 * its servers may speak first at once.
 */
export function servedProtocol(
  port: ServicePort,
  everybody: RouteSet | undefined,
  consumers: PortRoutes['consumers'],
): Protocol {
  const declared = protocolOf(port);
  const isOfConnections = everybody?.what === 'connections' && consumers.every(({ set }) => set.what === 'connections');
  return declared === Protocol.AUTO && isOfConnections ? Protocol.TCP : declared;
}

/** The routes for requests of a set. Where connections are routed, requests go the same way. */
export function gatewayRoutes(set: RouteSet, { port }: ServicePort, clusters: ClusterSet): HttpRouteInit[] {
  if (set.what === 'connections') {
    const destinations = weighted(set.backends, clusters);
    return [{ name: set.name, action: { case: 'forward', value: { destinations, retry: MESH_RETRY } } }];
  }
  return set.candidates.map(({ name, match, rule }) =>
    ruleRoute(rule, { name, matches: [match], port, clusterOf: (target) => clusterNameOf(target, clusters) }),
  );
}

/** The same for the clients of one namespace, to whom no routes would mean those of everybody. */
export function consumerRoutes(set: RouteSet, port: ServicePort, clusters: ClusterSet): HttpRouteInit[] {
  const routes = gatewayRoutes(set, port, clusters);
  if (routes.length > 0) return routes;
  return [{ name: 'none', action: { case: 'directResponse', value: { status: 404 } } }];
}
