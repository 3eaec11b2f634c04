import type { LocalityLb } from './locality-objects.ts';
import type { Metadata, Texts } from './objects.ts';

// The objects of Istio's networking API that are read; see objects.ts for what is typed and what is not. Fields of type
// `unknown` are known to the schema and not honoured.

export interface VirtualService {
  readonly apiVersion: string;
  readonly kind: 'VirtualService';
  readonly metadata: Metadata;
  readonly spec: VirtualServiceSpec;
}

export interface VirtualServiceSpec {
  /** None: other VirtualServices delegate to it. */
  readonly hosts?: readonly string[];
  /** Absent: `mesh`. */
  readonly gateways?: readonly string[];
  /** Absent: `*`. */
  readonly exportTo?: readonly string[];
  readonly http?: readonly VirtualHttpRoute[];
  readonly tls?: readonly VirtualTlsRoute[];
  readonly tcp?: readonly VirtualTcpRoute[];
}

/** Exactly one of `route`, `redirect`, `directResponse` and `delegate`. */
export interface VirtualHttpRoute {
  readonly name?: string;
  readonly match?: readonly VirtualHttpMatch[];
  readonly route?: readonly VirtualDestination[];
  readonly redirect?: VirtualRedirect;
  readonly directResponse?: VirtualDirectResponse;
  readonly delegate?: VirtualDelegate;
  readonly rewrite?: VirtualRewrite;
  /** Duration as Istio takes it; absent or 0: none. */
  readonly timeout?: string;
  readonly retries?: VirtualRetry;
  readonly fault?: VirtualFault;
  readonly mirror?: Destination;
  /** Of `mirror`; the older of the ways to say it count when the newer are absent. Absent: 100. */
  readonly mirrorPercentage?: Percent;
  readonly mirrorPercent?: number;
  readonly mirror_percent?: number;
  readonly mirrors?: readonly VirtualMirror[];
  readonly corsPolicy?: VirtualCors;
  readonly headers?: VirtualHeaders;
}

export interface VirtualHttpMatch {
  readonly name?: string;
  /** Names statistics in Istio; without effect. */
  readonly statPrefix?: string;
  readonly uri?: TextMatch;
  readonly scheme?: TextMatch;
  readonly method?: TextMatch;
  readonly authority?: TextMatch;
  readonly headers?: Readonly<Record<string, TextMatch>>;
  readonly withoutHeaders?: Readonly<Record<string, TextMatch>>;
  readonly queryParams?: Readonly<Record<string, TextMatch>>;
  readonly ignoreUriCase?: boolean;
  readonly port?: number;
  readonly gateways?: readonly string[];
  readonly sourceLabels?: Texts;
  readonly sourceNamespace?: string;
}

/** At most one of them. */
export interface TextMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

export interface VirtualDestination {
  readonly destination: Destination;
  /** Absent: 0, or everything when it is the only one. */
  readonly weight?: number;
  /** Not of connections. */
  readonly headers?: VirtualHeaders;
}

export interface Destination {
  /** A name without dots is a Service of the object's namespace. */
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}

export interface VirtualRedirect {
  /** The whole path. */
  readonly uri?: string;
  /** In place of what the match has found. */
  readonly prefixRewrite?: string;
  /** Host, possibly with port. */
  readonly authority?: string;
  readonly port?: number;
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
  readonly scheme?: string;
  /** Absent or 0: 301. */
  readonly redirectCode?: number;
}

export interface VirtualDirectResponse {
  readonly status: number;
  /** At most one of them; `bytes` in base64. */
  readonly body?: { readonly string?: string; readonly bytes?: string };
}

export interface VirtualDelegate {
  readonly name?: string;
  /** Absent: that of the object that delegates. */
  readonly namespace?: string;
}

export interface VirtualRewrite {
  /** In place of what the match has found: a prefix, else the whole path. */
  readonly uri?: string;
  readonly authority?: string;
  readonly uriRegexRewrite?: { readonly match?: string; readonly rewrite?: string };
}

export interface VirtualFault {
  readonly delay?: {
    readonly fixedDelay?: string;
    readonly exponentialDelay?: string;
    /** Absent, and the older `percent` too: never. */
    readonly percentage?: Percent;
    readonly percent?: number;
  };
  readonly abort?: {
    readonly httpStatus?: number;
    /** By name, `UNAVAILABLE`. */
    readonly grpcStatus?: string;
    readonly http2Error?: string;
    /** Absent: never. */
    readonly percentage?: Percent;
  };
}

/** 0.1 is one of a thousand. */
export interface Percent {
  readonly value?: number;
}

export interface VirtualMirror {
  readonly destination: Destination;
  /** Absent: 100. */
  readonly percentage?: Percent;
}

export interface VirtualCors {
  /** The older way, exact or `*`; counts when `allowOrigins` is absent. */
  readonly allowOrigin?: readonly string[];
  readonly allowOrigins?: readonly TextMatch[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAge?: string;
  readonly allowCredentials?: boolean;
  /** Absent: FORWARD. */
  readonly unmatchedPreflights?: 'FORWARD' | 'IGNORE' | 'UNSPECIFIED';
}

export interface VirtualHeaders {
  readonly request?: HeaderOperations;
  readonly response?: HeaderOperations;
}

export interface HeaderOperations {
  readonly set?: Texts;
  readonly add?: Texts;
  readonly remove?: readonly string[];
}

export interface VirtualRetry {
  /** Tries beyond the first; absent or 0: none. */
  readonly attempts?: number;
  readonly perTryTimeout?: string;
  /** Comma list; absent or empty: the default. */
  readonly retryOn?: string;
  readonly retryRemoteLocalities?: boolean;
  /** Absent: true. */
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: string;
}

export interface VirtualTlsRoute {
  readonly match?: readonly VirtualTlsMatch[];
  readonly route?: readonly VirtualDestination[];
}

export interface VirtualTlsMatch extends VirtualTcpMatch {
  readonly sniHosts?: readonly string[];
}

export interface VirtualTcpRoute {
  readonly match?: readonly VirtualTcpMatch[];
  readonly route?: readonly VirtualDestination[];
}

export interface VirtualTcpMatch {
  readonly port?: number;
  readonly gateways?: readonly string[];
}

export interface DestinationRule {
  readonly apiVersion: string;
  readonly kind: 'DestinationRule';
  readonly metadata: Metadata;
  readonly spec: DestinationRuleSpec;
}

export interface DestinationRuleSpec {
  readonly host: string;
  readonly exportTo?: readonly string[];
  readonly workloadSelector?: unknown;
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets?: readonly DestinationSubset[];
}

export interface DestinationSubset {
  readonly name: string;
  /** Absent: every pod of the Service. */
  readonly labels?: Texts;
  readonly trafficPolicy?: TrafficPolicy;
}

export interface TrafficPolicy extends PortPolicy {
  /** Absent version: V1. */
  readonly proxyProtocol?: { readonly version?: 'V1' | 'V2' };
  readonly retryBudget?: RetryBudgetPolicy;
  readonly portLevelSettings?: readonly (PortPolicy & { readonly port?: { readonly number?: number } })[];
}

export interface PortPolicy {
  readonly loadBalancer?: BalancingPolicy;
  readonly connectionPool?: PoolPolicy;
  readonly outlierDetection?: OutlierPolicy;
  readonly tls?: ClientTls;
}

export interface BalancingPolicy {
  /** Absent: LEAST_REQUEST. */
  readonly simple?: string;
  readonly consistentHash?: ConsistentHashPolicy;
  readonly localityLbSetting?: LocalityLb;
  readonly warmup?: { readonly duration: string; readonly minimumPercent?: number; readonly aggression?: number };
  /** The older name of `warmup.duration`. */
  readonly warmupDurationSecs?: string;
}

/** Numbers that are absent or 0 say nothing. */
export interface ConsistentHashPolicy {
  readonly httpHeaderName?: string;
  readonly httpCookie?: HashCookiePolicy;
  readonly useSourceIp?: boolean;
  readonly httpQueryParameterName?: string;
  readonly ringHash?: { readonly minimumRingSize?: number };
  readonly maglev?: { readonly tableSize?: number };
  /** The older name of that of `ringHash`. */
  readonly minimumRingSize?: number;
}

export interface HashCookiePolicy {
  readonly name: string;
  readonly path?: string;
  /** Absent: waypoints do not set the cookie; 0: for the session of the client. */
  readonly ttl?: string;
  readonly attributes?: readonly { readonly name?: string; readonly value?: string }[];
}

/** Numbers that are absent or 0 are no limits. */
export interface PoolPolicy {
  readonly tcp?: {
    readonly maxConnections?: number;
    readonly connectTimeout?: string;
    readonly tcpKeepalive?: { readonly probes?: number; readonly time?: string; readonly interval?: string };
    readonly maxConnectionDuration?: string;
    readonly idleTimeout?: string;
  };
  readonly http?: {
    readonly http1MaxPendingRequests?: number;
    readonly http2MaxRequests?: number;
    readonly maxRequestsPerConnection?: number;
    readonly maxRetries?: number;
    readonly idleTimeout?: string;
    readonly h2UpgradePolicy?: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE';
    readonly useClientProtocol?: boolean;
    readonly maxConcurrentStreams?: number;
    readonly http2KeepAlive?: { readonly interval?: string; readonly timeout?: string };
  };
}

export interface OutlierPolicy {
  /** Absent: 5. */
  readonly consecutive5xxErrors?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly splitExternalLocalOriginErrors?: boolean;
  /** Absent: 5. */
  readonly consecutiveLocalOriginFailures?: number;
  /** Absent: 10s. */
  readonly interval?: string;
  /** Absent: 30s. */
  readonly baseEjectionTime?: string;
  /** Absent or 0: 10. */
  readonly maxEjectionPercent?: number;
  readonly minHealthPercent?: number;
}

export interface RetryBudgetPolicy {
  /** Absent: 20. */
  readonly percent?: number;
  /** Absent: 3. */
  readonly minRetryConcurrency?: number;
  readonly budgetInterval?: string;
}

export interface ClientTls {
  readonly mode?: string;
  /** Files of the proxy. */
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  /** A Secret of the waypoint's namespace. */
  readonly credentialName?: string;
  readonly subjectAltNames?: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify?: boolean;
}
