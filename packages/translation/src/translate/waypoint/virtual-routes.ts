import { istioDurationMs } from '../../schema/durations.ts';
import type { Destination, VirtualDestination, VirtualHttpRoute } from '../../traffic-objects.ts';
import { virtualRetry } from './retry.ts';
import { type DestinationInit, type HttpRouteInit, matchesOf } from './served-route.ts';
import type { SourceWorkloads } from './source-workloads.ts';
import { corsOf } from './virtual-cors.ts';
import { directResponseOf } from './virtual-direct-response.ts';
import { faultOf } from './virtual-fault.ts';
import { appliesAt } from './virtual-gateways.ts';
import { authorityOf, headerChangesOf } from './virtual-headers.ts';
import { virtualMatch } from './virtual-match.ts';
import { mirrorsOf } from './virtual-mirrors.ts';
import { pathGroups, type PathRewriteInit } from './virtual-path.ts';
import { redirectOf } from './virtual-redirect.ts';

/** Where a route of a VirtualService is put. */
export interface RoutePlace {
  /** The Service's; undefined: whichever, as when it is only looked at. */
  readonly port: number | undefined;
  readonly sources: SourceWorkloads;
  /** Name of the cluster that a destination stands for; empty when there is none. */
  readonly clusterOf: (destination: Destination) => string;
}

/** One route of a VirtualService as routes of a waypoint; none when no match is for the port. */
export function virtualRoutes(route: VirtualHttpRoute, name: string, place: RoutePlace): HttpRouteInit[] {
  const { match = [], corsPolicy } = route;
  const matches = match.filter((one) => appliesAt(one, place.port));
  if (matches.length === 0 && match.length > 0) return [];
  const fault = route.fault === undefined ? undefined : faultOf(route.fault);
  const { requestHeaders, responseHeaders } = headerChangesOf(route.headers);
  const isForward = route.redirect === undefined && route.directResponse === undefined;
  return pathGroups(route, matches).map((group) => ({
    name,
    matches: matchesOf(group.matches.map((one) => virtualMatch(one, place.sources))),
    action: actionOf(route, group.path, place),
    // What is not sent on is not changed.
    ...(requestHeaders === undefined || !isForward ? {} : { requestHeaders }),
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    ...(fault === undefined ? {} : { fault }),
    ...(corsPolicy === undefined ? {} : { cors: corsOf(corsPolicy) }),
  }));
}

function actionOf(
  route: VirtualHttpRoute,
  path: PathRewriteInit | undefined,
  place: RoutePlace,
): NonNullable<HttpRouteInit['action']> {
  const { redirect, directResponse, timeout, retries } = route;
  if (redirect !== undefined) {
    return { case: 'redirect', value: redirectOf(redirect, path, place.port ?? 80) };
  }
  if (directResponse !== undefined) return { case: 'directResponse', value: directResponseOf(directResponse) };
  const written = route.rewrite?.authority ?? '';
  const authority = written === '' ? authorityOf(route.headers) : written;
  const rewrite = { ...(authority === '' ? {} : { authority }), ...(path === undefined ? {} : { path }) };
  return {
    case: 'forward',
    value: {
      destinations: destinationsOf(route.route ?? [], authority === '', place),
      timeoutMs: timeout === undefined ? 0 : (istioDurationMs(timeout) ?? 0),
      retry: virtualRetry(retries),
      ...(Object.keys(rewrite).length === 0 ? {} : { rewrite }),
      mirrors: mirrorsOf(route, place.clusterOf),
    },
  };
}

/** `mayRewriteHost`: the host that the route itself sets goes before that of a destination, as in Istio. */
function destinationsOf(
  route: readonly VirtualDestination[],
  mayRewriteHost: boolean,
  place: RoutePlace,
): DestinationInit[] {
  return route.map(({ destination, weight = 0, headers }): DestinationInit => {
    const authority = mayRewriteHost ? authorityOf(headers) : '';
    return {
      cluster: place.clusterOf(destination),
      weight: route.length === 1 ? 100 : weight,
      ...headerChangesOf(headers),
      ...(authority === '' ? {} : { rewrite: { authority } }),
    };
  });
}
