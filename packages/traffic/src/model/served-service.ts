// One service or workload that a waypoint serves, read from `ambit.waypoint.ServedService` with everything checked. Plain data: it goes
// through JSON unchanged, and every field is there in every object. What may be absent is null.

import type { PathNormalization } from '../request/path.ts';
import type { AuthorizationPolicy } from './authorization-policy.ts';
import type { Authorizer } from './authorizer.ts';
import type { CircuitBreaker, ConnectionPool, OutlierDetection, RetryBudget } from './cluster-limits.ts';
import type { LocalRateLimit } from './local-rate-limit.ts';
import type { Cors, Fault, HeaderChanges, Redirect, Rewrite } from './route-filters.ts';
import type { Telemetry } from './telemetry.ts';
import type { TokenRule } from './token-rule.ts';

/** `auto`: HTTP when the client begins like it, else TCP. */
export type Protocol = 'auto' | 'http1' | 'http2' | 'tcp';

export type LoadBalancing = 'least-request' | 'random' | 'round-robin';

export interface ServedService {
  /**
   * `<waypoint namespace>/<waypoint name>/<namespace>/<hostname>`, as the xDS resource is named; of a workload
   * `<waypoint namespace>/<waypoint name>/<uid>`.
   */
  readonly resourceName: string;
  readonly waypointNamespace: string;
  readonly waypointName: string;
  readonly namespace: string;
  /** Empty for a workload. */
  readonly hostname: string;
  /** Of the workload that is served at its own addresses; empty for a service. */
  readonly workloadUid: string;
  readonly ports: readonly ServedPort[];
  readonly clusters: readonly Cluster[];
  /** Whose tokens are good, in order of precedence. */
  readonly tokenRules: readonly TokenRule[];
  /** What judges its requests and connections. */
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** Whom `custom` policies ask. */
  readonly authorizers: readonly Authorizer[];
  /** Of the paths of its requests. */
  readonly pathNormalization: PathNormalization;
  /** Null: as the waypoint does by itself. */
  readonly telemetry: Telemetry | null;
  /** What endpoints are told of clients. */
  readonly clientFields: ClientFields;
  /** Limits on its requests, which all hold. */
  readonly localRateLimits: readonly LocalRateLimit[];
}

export interface ClientFields {
  /** `x-forwarded-client-cert` with the identities of waypoint and client. */
  readonly certificate: boolean;
  /** What becomes of `x-forwarded-for`: `replace` takes away whatever else tells of addresses. */
  readonly forwardedFor: 'append' | 'pass' | 'replace';
}

export interface ServedPort {
  /** As the client dialled it. 0, of a workload: every port that is not listed. */
  readonly port: number;
  readonly protocol: Protocol;
  /** In order of evaluation. Empty for `tcp`. */
  readonly routes: readonly HttpRoute[];
  /** Of connections whose bytes are not looked at. Empty unless the protocol is `tcp` or `auto`. */
  readonly tcpDestinations: readonly WeightedDestination[];
  /** What holds in place of both for the clients of some namespaces, at most one per namespace. */
  readonly consumers: readonly ConsumerRoutes[];
}

/** What the clients of one namespace get (GEP-1426), told by the namespace of the identity that they have proven. */
export interface ConsumerRoutes {
  readonly namespace: string;
  /** Empty: those of the port. */
  readonly routes: readonly HttpRoute[];
  /** Empty: those of the port. */
  readonly tcpDestinations: readonly WeightedDestination[];
}

export interface HttpRoute {
  /** For logs and metrics. */
  readonly name: string;
  /** One of them must match; none means every request. */
  readonly matches: readonly HttpMatch[];
  readonly action: RouteAction;
  /** What backends get, before the changes of the destination. */
  readonly requestHeaders: HeaderChanges | null;
  /** What clients get, also in answers that the waypoint gives for this route; after the changes of the destination. */
  readonly responseHeaders: HeaderChanges | null;
  /** Before anything else is done with the request. */
  readonly fault: Fault | null;
  readonly cors: Cors | null;
}

export type RouteAction =
  | {
      readonly kind: 'forward';
      readonly destinations: readonly WeightedDestination[];
      /** Milliseconds for the whole request with all tries; 0 is none. */
      readonly timeoutMs: number;
      /** Null: nothing is tried again. */
      readonly retry: RetryPolicy | null;
      readonly rewrite: Rewrite | null;
      readonly mirrors: readonly Mirror[];
      /** Null: each request for itself. */
      readonly session: SessionPersistence | null;
    }
  | {
      readonly kind: 'direct-response';
      readonly status: number;
      readonly body: string;
      /** Of the body. */
      readonly contentType: string;
    }
  | ({ readonly kind: 'redirect' } & Redirect);

/** All that is not null must match. */
export interface HttpMatch {
  readonly path: StringMatch | null;
  readonly method: StringMatch | null;
  readonly scheme: StringMatch | null;
  readonly authority: StringMatch | null;
  readonly headers: readonly NamedMatch[];
  readonly withoutHeaders: readonly NamedMatch[];
  readonly queryParameters: readonly NamedMatch[];
  readonly source: SourceMatch | null;
}

/** Who the client has proven to be; one without identity matches nothing. All that is asked for must match. */
export interface SourceMatch {
  /** Of the identity; empty: it does not matter. */
  readonly namespace: string;
  /** Of the workload that has the client's address and identity; null: it does not matter. Empty: none. */
  readonly workloadUids: readonly string[] | null;
}

export interface StringMatch {
  /** `path-prefix`: by segments; `/a` takes `/a`, `/a/` and `/a/b`. `regex`: RE2, the whole value. `present`: anything. */
  readonly kind: 'exact' | 'path-prefix' | 'prefix' | 'present' | 'regex';
  /** Empty for `present`. */
  readonly text: string;
  /** False for `regex` and `present`. */
  readonly ignoreCase: boolean;
}

export interface NamedMatch {
  readonly name: string;
  readonly value: StringMatch;
}

export interface WeightedDestination {
  /** `Cluster.name`; empty when the backend does not exist or may not be used: its share gets 500. */
  readonly cluster: string;
  readonly weight: number;
  /** Of requests that go there, after those of the route. Null for connections, as all that follows. */
  readonly requestHeaders: HeaderChanges | null;
  /** Before those of the route. */
  readonly responseHeaders: HeaderChanges | null;
  /** In place of the route's, part by part. */
  readonly rewrite: Rewrite | null;
  /** Its share is answered with it; `cluster` is empty then. */
  readonly redirect: Redirect | null;
  /** Beside those of the route. Empty for connections. */
  readonly mirrors: readonly Mirror[];
}

/** A copy of the request for which nobody waits and whose answer nobody sees. */
export interface Mirror {
  /** `Cluster.name`; empty when the backend does not exist or may not be used: nothing is sent. */
  readonly cluster: string;
  /** How many requests of a million. */
  readonly perMillion: number;
}

export type RetryCondition =
  | '5xx'
  | 'cancelled'
  | 'connect-failure'
  | 'deadline-exceeded'
  | 'envoy-ratelimited'
  | 'gateway-error'
  | 'internal'
  | 'refused-stream'
  | 'reset'
  | 'reset-before-request'
  | 'resource-exhausted'
  | 'retriable-4xx'
  | 'unavailable';

export interface RetryPolicy {
  /** Tries beyond the first. */
  readonly retries: number;
  readonly conditions: readonly RetryCondition[];
  /** Statuses of responses that are tried again. */
  readonly statusCodes: readonly number[];
  /** Milliseconds for one try; 0 is what is left of the request's. */
  readonly perTryTimeoutMs: number;
  /** Base of the delay between tries, milliseconds. */
  readonly backoffBaseMs: number;
  /** May an endpoint be tried that failed this request before. */
  readonly ignorePreviousEndpoints: boolean;
  /** After every second try endpoints of the next rank. */
  readonly remoteLocalities: boolean;
}

/** Endpoints of one port of a service, or the workload of the resource, as its client dialled it. */
export interface Cluster {
  /** `outbound|<port>|<subset>|<hostname>`, of a workload `workload|<port>||<uid>` */
  readonly name: string;
  readonly namespace: string;
  /** Empty for a workload. */
  readonly hostname: string;
  /** Empty for endpoints of a service. */
  readonly workloadUid: string;
  readonly port: number;
  /** What its endpoints speak. */
  readonly protocol: Protocol;
  /** Empty: every endpoint of the service. */
  readonly subset: string;
  /** Workloads of the subset; empty without one. */
  readonly subsetWorkloadUids: readonly string[];
  readonly loadBalancing: LoadBalancing;
  /** Null: by the routing preferences of the service. */
  readonly localityPreference: LocalityPreference | null;
  readonly connectTimeoutMs: number;
  /** As endpoints themselves ask for it, inside the mesh's tunnel where they have one. Null: none. */
  readonly upstreamTls: UpstreamTls | null;
  /** What an endpoint is told of the client before anything else. */
  readonly proxyProtocol: ProxyProtocol;
  /** Null: no limits. */
  readonly connectionPool: ConnectionPool | null;
  /** Null: endpoints are judged by their connections alone. */
  readonly outlierDetection: OutlierDetection | null;
  readonly circuitBreaker: CircuitBreaker | null;
  /** Null: `connectionPool.maxRetries`, or without that the default. */
  readonly retryBudget: RetryBudget | null;
  /** In place of `loadBalancing`. Null: that. */
  readonly consistentHash: ConsistentHash | null;
  /** Of endpoints that come later. Null: they get their share at once. */
  readonly warmup: Warmup | null;
}

/** The requests of one client go to one endpoint of a route. Times in seconds, 0 for none. */
export interface SessionPersistence {
  readonly kind: 'cookie' | 'header';
  /** Of a header in lower case. */
  readonly name: string;
  /** Of the cookie; empty: none is said. */
  readonly path: string;
  /** The cookie outlives the client's session, up to the absolute timeout. */
  readonly permanent: boolean;
  readonly absoluteTimeoutS: number;
  /** Between two requests. */
  readonly idleTimeoutS: number;
}

/** Requests of one key go to one endpoint. */
export interface ConsistentHash {
  readonly key: HashKey;
  readonly table: HashTableSize;
}

/** `name` of a header in lower case. */
export type HashKey =
  | { readonly kind: 'cookie'; readonly cookie: HashCookie }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query-parameter'; readonly name: string }
  | { readonly kind: 'source-ip' };

export interface HashCookie {
  readonly name: string;
  /** Empty: none is said. */
  readonly path: string;
  /** Of the cookie that clients without one are given, seconds; 0: for their session, null: they are given none. */
  readonly ttlS: number | null;
  readonly attributes: readonly CookieAttribute[];
}

export interface CookieAttribute {
  readonly name: string;
  /** Empty: the name stands alone. */
  readonly value: string;
}

/** `size`: places; of a ring at least. */
export interface HashTableSize {
  readonly kind: 'maglev' | 'ring';
  readonly size: number;
}

/** The share of an endpoint is (age / duration) to the power of 1 / aggression, and at least the minimum. */
export interface Warmup {
  readonly durationMs: number;
  /** 0 to 100. */
  readonly minimumPercent: number;
  /** Above 0. */
  readonly aggression: number;
}

/** Which endpoints come first, by where they and the waypoint are. */
export type LocalityPreference =
  | { readonly kind: 'any' }
  /** The first distribution that is for the waypoint's place; without one it does not matter where that is. */
  | { readonly kind: 'distribute'; readonly distributions: readonly LocalityDistribution[] }
  | {
      readonly kind: 'failover';
      /** The more an endpoint meets without a gap from the first on, the better; none: region, zone, subzone. */
      readonly criteria: readonly FailoverCriterion[];
      readonly regions: readonly RegionFailover[];
    };

/** Places are written region/zone/subzone; `*` and what is left out at the end is any. */
export interface LocalityDistribution {
  readonly from: string;
  readonly to: readonly { readonly locality: string; readonly weight: number }[];
}

export type LocalityScope = 'cluster' | 'network' | 'node' | 'region' | 'subzone' | 'zone';

export type FailoverCriterion =
  /** Null: that of the waypoint. */
  | { readonly scope: LocalityScope; readonly value: string | null }
  | { readonly scope: null; readonly workloadUids: readonly string[] };

/** Endpoints of region `to` stand in for those of region `from` before any others. */
export interface RegionFailover {
  readonly from: string;
  readonly to: string;
}

export type ProxyProtocol = 'none' | 'v1' | 'v2';

export interface UpstreamTls {
  /** SNI; empty: the host of the request, of connections whose bytes are not looked at the host of the cluster. */
  readonly serverName: string;
  /** The certificate must be for one of them; none: for the server name. */
  readonly acceptedNames: readonly AcceptedName[];
  readonly trust: UpstreamTrust;
  /** Revoked certificates; empty: none is asked for. */
  readonly crlPem: string;
  /** `namespace/name` of the client certificate; empty: none. */
  readonly clientCertificate: string;
}

export type UpstreamTrust =
  | { readonly kind: 'ca'; readonly pem: string }
  | { readonly kind: 'system' }
  | { readonly kind: 'unverified' }
  /** No connection is made. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface AcceptedName {
  readonly kind: 'dns' | 'ip' | 'uri';
  readonly name: string;
}
