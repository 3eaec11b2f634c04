import { CompiledAuthorizer } from './authorizer/compiled-authorizer.ts';
import { type CompiledAuthorization, compileAuthorization } from './authorization/compiled-authorization.ts';
import { CompiledTelemetry } from './compiled-telemetry.ts';
import { CompiledCors } from './filters/cors.ts';
import { CompiledFault } from './filters/fault.ts';
import { CompiledHeaderChanges } from './filters/header-changes.ts';
import { CompiledRedirect } from './filters/redirect.ts';
import { type CompiledRewrite, compileRewrite } from './filters/rewrite.ts';
import { CompiledHash } from './load-balancing/consistent-hash/compiled-hash.ts';
import { directAnswer, type LocalAnswer } from './local-answer.ts';
import { LocalityRanks } from './load-balancing/locality-ranks.ts';
import { RequestMatcher } from './match/request-matcher.ts';
import type { HeaderChanges, Rewrite } from './model/route-filters.ts';
import type {
  Cluster,
  HttpRoute,
  Mirror,
  Protocol,
  RetryPolicy,
  RouteAction,
  ServedPort,
  ServedService,
  WeightedDestination,
} from './model/served-service.ts';
import { CompiledSession } from './session/compiled-session.ts';
import { CompiledRetryPolicy } from './retry/compiled-retry-policy.ts';
import { type CompiledAuthentication, compileAuthentication } from './token/compiled-authentication.ts';

/** A served service made ready for requests: everything is looked up and compiled once. One per data thread and version. */
export interface CompiledService {
  readonly model: ServedService;
  readonly ports: ReadonlyMap<number, CompiledPort>;
  /** Looks at the tokens of requests, before they are judged; undefined: nobody does. */
  readonly authentication: CompiledAuthentication | undefined;
  /** Judges what comes before anything else is done with it; undefined: nothing does. */
  readonly authorization: CompiledAuthorization | undefined;
  /** Whom CUSTOM policies ask, by `Authorizer.name`. */
  readonly authorizers: ReadonlyMap<string, CompiledAuthorizer>;
  /** By `Cluster.name`. */
  readonly clusters: ReadonlyMap<string, CompiledCluster>;
  /** Undefined: as the waypoint does by itself. */
  readonly telemetry: CompiledTelemetry | undefined;
}

/** What holds for some clients of a port. */
export interface CompiledRoutes {
  /** In order of evaluation. */
  readonly routes: readonly CompiledRoute[];
  readonly tcpDestinations: CompiledDestinations;
  /** Whether who the client is says something about the routes: then `routesOf` says which of them are its own. */
  readonly bySource: boolean;
}

/** `routesOf` says what of it holds for a client. */
export interface CompiledPort {
  readonly port: number;
  readonly protocol: Protocol;
  /** For clients whose namespace has no routes of its own. */
  readonly everybody: CompiledRoutes;
  /** By namespace, what its clients get in place of the port's. */
  readonly consumers: ReadonlyMap<string, CompiledRoutes>;
}

export interface CompiledRoute {
  readonly name: string;
  /** One of them must match; none means every request. */
  readonly matchers: readonly RequestMatcher[];
  readonly action: CompiledAction;
  readonly requestHeaders: CompiledHeaderChanges | undefined;
  readonly responseHeaders: CompiledHeaderChanges | undefined;
  readonly fault: CompiledFault | undefined;
  readonly cors: CompiledCors | undefined;
}

export type CompiledAction =
  | {
      readonly kind: 'forward';
      readonly destinations: CompiledDestinations;
      /** 0: none. */
      readonly timeoutMs: number;
      readonly retry: CompiledRetryPolicy | undefined;
      /** Undefined: each request for itself. */
      readonly session: CompiledSession | undefined;
    }
  | { readonly kind: 'direct-response'; readonly answer: LocalAnswer }
  | { readonly kind: 'redirect'; readonly redirect: CompiledRedirect };

/** Destinations of one choice with the sums of their weights; those that weigh nothing are left out. */
export interface CompiledDestinations {
  readonly all: readonly CompiledDestination[];
  /** For each, the weight of it and all before. */
  readonly sums: readonly number[];
}

export interface CompiledDestination {
  /** Undefined: the backend does not exist or may not be used, or there is a redirect. */
  readonly cluster: CompiledCluster | undefined;
  readonly requestHeaders: CompiledHeaderChanges | undefined;
  readonly responseHeaders: CompiledHeaderChanges | undefined;
  /** With what the route says. */
  readonly rewrite: CompiledRewrite | undefined;
  readonly redirect: CompiledRedirect | undefined;
  /** Of the route and its own, without those to which nothing can be sent. */
  readonly mirrors: readonly CompiledMirror[];
}

export interface CompiledMirror {
  readonly cluster: CompiledCluster;
  readonly perMillion: number;
}

export interface CompiledCluster {
  readonly name: string;
  readonly model: Cluster;
  /** Undefined: every endpoint of the service. */
  readonly subsetUids: ReadonlySet<string> | undefined;
  /** Undefined: endpoints are ranked as the mesh model has them. */
  readonly locality: LocalityRanks | undefined;
  /** Undefined: requests are not told apart. */
  readonly hash: CompiledHash | undefined;
}

/**
 * Makes a model ready. The model must come from `readServedService`; what that refuses (a route to an unknown cluster, an
 * invalid expression) throws here.
 */
export function compileService(model: ServedService): CompiledService {
  const clusters = new Map(model.clusters.map((cluster) => [cluster.name, compileCluster(cluster)]));
  return {
    model,
    ports: new Map(model.ports.map((port) => [port.port, compilePort(port, clusters)])),
    authentication: compileAuthentication(model.tokenRules),
    authorization: compileAuthorization(model.authorizationPolicies),
    authorizers: new Map(model.authorizers.map((authorizer) => [authorizer.name, new CompiledAuthorizer(authorizer)])),
    clusters,
    telemetry: model.telemetry === null ? undefined : new CompiledTelemetry(model.telemetry),
  };
}

function compileCluster(cluster: Cluster): CompiledCluster {
  return {
    name: cluster.name,
    model: cluster,
    subsetUids: cluster.subset.length === 0 ? undefined : new Set(cluster.subsetWorkloadUids),
    locality: cluster.localityPreference === null ? undefined : new LocalityRanks(cluster.localityPreference),
    hash: cluster.consistentHash === null ? undefined : new CompiledHash(cluster.consistentHash),
  };
}

function compilePort(port: ServedPort, clusters: ReadonlyMap<string, CompiledCluster>): CompiledPort {
  const everybody = compileRoutes(port.routes, port.tcpDestinations, clusters);
  return {
    port: port.port,
    protocol: port.protocol,
    everybody,
    consumers: new Map(
      port.consumers.map(({ namespace, routes, tcpDestinations }) => {
        const own = compileRoutes(routes, tcpDestinations, clusters);
        const chosen = routes.length === 0 ? everybody : own;
        return [
          namespace,
          {
            routes: chosen.routes,
            tcpDestinations: (tcpDestinations.length === 0 ? everybody : own).tcpDestinations,
            bySource: chosen.bySource,
          },
        ];
      }),
    ),
  };
}

function compileRoutes(
  models: readonly HttpRoute[],
  tcpDestinations: readonly WeightedDestination[],
  clusters: ReadonlyMap<string, CompiledCluster>,
): CompiledRoutes {
  const routes = models.map((route) => compileRoute(route, clusters));
  return {
    routes,
    tcpDestinations: compileDestinations(tcpDestinations, clusters, null, []),
    bySource: routes.some(({ matchers }) => matchers.some(({ source }) => source !== undefined)),
  };
}

function compileRoute(route: HttpRoute, clusters: ReadonlyMap<string, CompiledCluster>): CompiledRoute {
  return {
    name: route.name,
    matchers: route.matches.map((match) => new RequestMatcher(match)),
    action: compileAction(route.action, route.name, clusters),
    requestHeaders: compileHeaders(route.requestHeaders),
    responseHeaders: compileHeaders(route.responseHeaders),
    fault: route.fault === null ? undefined : new CompiledFault(route.fault),
    cors: route.cors === null ? undefined : new CompiledCors(route.cors),
  };
}

function compileAction(
  action: RouteAction,
  route: string,
  clusters: ReadonlyMap<string, CompiledCluster>,
): CompiledAction {
  switch (action.kind) {
    case 'forward':
      return {
        kind: 'forward',
        destinations: compileDestinations(action.destinations, clusters, action.rewrite, action.mirrors),
        timeoutMs: action.timeoutMs,
        retry: compileRetry(action.retry),
        session: compileSession(action, route, clusters),
      };
    case 'direct-response':
      return { kind: 'direct-response', answer: directAnswer(action.status, action.body, action.contentType) };
    case 'redirect':
      return { kind: 'redirect', redirect: new CompiledRedirect(action) };
  }
}

function compileSession(
  { session, destinations, rewrite, mirrors }: Extract<RouteAction, { kind: 'forward' }>,
  route: string,
  clusters: ReadonlyMap<string, CompiledCluster>,
): CompiledSession | undefined {
  if (session === null) return undefined;
  const weighty = destinations.map((destination) => ({ ...destination, weight: 1 }));
  return new CompiledSession(session, route, compileDestinations(weighty, clusters, rewrite, mirrors).all);
}

function compileHeaders(changes: HeaderChanges | null): CompiledHeaderChanges | undefined {
  return changes === null ? undefined : new CompiledHeaderChanges(changes);
}

function compileRetry(policy: RetryPolicy | null): CompiledRetryPolicy | undefined {
  return policy === null || policy.retries === 0 ? undefined : new CompiledRetryPolicy(policy);
}

function compileDestinations(
  destinations: readonly WeightedDestination[],
  clusters: ReadonlyMap<string, CompiledCluster>,
  rewrite: Rewrite | null,
  mirrors: readonly Mirror[],
): CompiledDestinations {
  const weighty = destinations.filter(({ weight }) => weight > 0);
  let sum = 0;
  return {
    all: weighty.map((destination) => ({
      cluster: clusterOf(destination.cluster, clusters),
      requestHeaders: compileHeaders(destination.requestHeaders),
      responseHeaders: compileHeaders(destination.responseHeaders),
      rewrite: compileRewrite(rewrite, destination.rewrite),
      redirect: destination.redirect === null ? undefined : new CompiledRedirect(destination.redirect),
      mirrors: [...mirrors, ...destination.mirrors].flatMap((mirror) => compileMirror(mirror, clusters)),
    })),
    sums: weighty.map(({ weight }) => {
      sum += weight;
      return sum;
    }),
  };
}

function compileMirror(
  { cluster, perMillion }: Mirror,
  clusters: ReadonlyMap<string, CompiledCluster>,
): readonly CompiledMirror[] {
  const compiled = clusterOf(cluster, clusters);
  return compiled === undefined || perMillion === 0 ? [] : [{ cluster: compiled, perMillion }];
}

function clusterOf(name: string, clusters: ReadonlyMap<string, CompiledCluster>): CompiledCluster | undefined {
  if (name.length === 0) return undefined;
  const cluster = clusters.get(name);
  if (cluster === undefined) throw new RangeError(`a route leads to the unknown cluster ${name}`);
  return cluster;
}
