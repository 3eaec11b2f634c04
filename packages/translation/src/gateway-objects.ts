import type { LabelSelector, Metadata, Texts } from './objects.ts';

// The objects of the Gateway API that are read; see objects.ts for what is typed and what is not.

export interface GatewayClass {
  readonly apiVersion: string;
  readonly kind: 'GatewayClass';
  readonly metadata: Metadata;
  readonly spec: { readonly controllerName: string };
}

export interface Gateway {
  readonly apiVersion: string;
  readonly kind: 'Gateway';
  readonly metadata: Metadata;
  readonly spec: GatewaySpec;
  readonly status?: { readonly addresses?: readonly unknown[] };
}

export interface GatewaySpec {
  readonly gatewayClassName: string;
  readonly listeners: readonly GatewayListener[];
  readonly addresses?: readonly unknown[];
  readonly allowedListeners?: unknown;
  readonly tls?: unknown;
  readonly defaultScope?: string;
  readonly infrastructure?: GatewayInfrastructure;
}

export interface GatewayInfrastructure {
  readonly labels?: Texts;
  readonly annotations?: Texts;
  readonly parametersRef?: { readonly group: string; readonly kind: string; readonly name: string };
}

export interface GatewayListener {
  readonly name: string;
  readonly port: number;
  /** `HBONE` for what a waypoint serves. */
  readonly protocol: string;
  readonly hostname?: string;
  readonly tls?: unknown;
  readonly allowedRoutes?: {
    /** Absent: Same. */
    readonly namespaces?: {
      readonly from?: 'All' | 'None' | 'Same' | 'Selector';
      readonly selector?: LabelSelector;
    };
    readonly kinds?: readonly unknown[];
  };
}

export interface BackendTlsPolicy {
  readonly apiVersion: string;
  readonly kind: 'BackendTLSPolicy';
  readonly metadata: Metadata;
  readonly spec: {
    readonly targetRefs: readonly BackendTlsTarget[];
    readonly validation: {
      /** Of the policy's namespace. At most one of both lists is not empty. */
      readonly caCertificateRefs?: readonly { readonly group: string; readonly kind: string; readonly name: string }[];
      readonly wellKnownCACertificates?: string;
      /** SNI, and the name that the certificate must be for unless others are listed. */
      readonly hostname: string;
      readonly subjectAltNames?: readonly {
        readonly type: string;
        readonly hostname?: string;
        readonly uri?: string;
      }[];
    };
    readonly options?: Texts;
  };
}

export interface BackendTlsTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** Name of a port; absent: all of them. */
  readonly sectionName?: string;
}

export interface ReferenceGrant {
  readonly apiVersion: string;
  readonly kind: 'ReferenceGrant';
  readonly metadata: Metadata;
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    /** Without name: every object of the kind. */
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
  };
}

/** Absent: group `gateway.networking.k8s.io`, kind Gateway, the route's namespace. */
export interface ParentReference {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

/** Absent: group `` (core), kind Service, the route's namespace, weight 1. */
export interface BackendReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
  readonly weight?: number;
  readonly filters?: readonly RouteFilter[];
}

/** The field named after the type is there, and no other (schema/filter-relations.ts). */
export interface RouteFilter {
  readonly type: FilterType;
  readonly requestHeaderModifier?: HeaderModifier;
  readonly responseHeaderModifier?: HeaderModifier;
  readonly requestMirror?: MirrorFilter;
  readonly requestRedirect?: RedirectFilter;
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
  readonly cors?: CorsFilter;
  readonly externalAuth?: unknown;
  readonly extensionRef?: unknown;
}

export type FilterType =
  | 'CORS'
  | 'ExtensionRef'
  | 'ExternalAuth'
  | 'RequestHeaderModifier'
  | 'RequestMirror'
  | 'RequestRedirect'
  | 'ResponseHeaderModifier'
  | 'URLRewrite';

/** `set` replaces or adds, `add` is a further field, `remove` names those that go. */
export interface HeaderModifier {
  readonly set?: readonly HeaderValue[];
  readonly add?: readonly HeaderValue[];
  readonly remove?: readonly string[];
}

export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}

/** Absent percent and fraction: all requests. Absent denominator: 100. */
export interface MirrorFilter {
  readonly backendRef: BackendReference;
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator?: number };
}

/** Absent: as in the request; status 302. */
export interface RedirectFilter {
  readonly scheme?: 'http' | 'https';
  readonly hostname?: string;
  readonly path?: PathModifier;
  readonly port?: number;
  readonly statusCode?: number;
}

export interface PathModifier {
  readonly type: 'ReplaceFullPath' | 'ReplacePrefixMatch';
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

/** Absent maxAge: 5 seconds. */
export interface CorsFilter {
  /** `*`, or `scheme://host` with a possible port, whose host may be `*` or begin with `*.`. */
  readonly allowOrigins?: readonly string[];
  readonly allowCredentials?: boolean;
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAge?: number;
}

/** Absent type: Exact. */
export interface ValueMatch {
  readonly type?: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

export interface HttpRoute {
  readonly apiVersion: string;
  readonly kind: 'HTTPRoute';
  readonly metadata: Metadata;
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[];
    readonly useDefaultGateways?: string;
    readonly hostnames?: readonly string[];
    /** Absent: one rule that matches everything and has no backend. */
    readonly rules?: readonly HttpRouteRule[];
  };
}

/** Durations of the Gateway API; absent and `0s` is none. */
export interface SessionPolicy {
  /** Absent: a name of the rule's own. */
  readonly sessionName?: string;
  readonly absoluteTimeout?: string;
  readonly idleTimeout?: string;
  /** Absent: Cookie. */
  readonly type?: 'Cookie' | 'Header';
  /** Absent: Session. */
  readonly cookieConfig?: { readonly lifetimeType?: 'Permanent' | 'Session' };
}

export interface HttpRouteRule {
  readonly name?: string;
  readonly matches?: readonly HttpRouteMatch[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly BackendReference[];
  /** Durations of the Gateway API; `0s` is none. */
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly retry?: { readonly codes?: readonly number[]; readonly attempts?: number; readonly backoff?: string };
  readonly sessionPersistence?: SessionPolicy;
}

export interface HttpRouteMatch {
  /** Absent: PathPrefix `/`. */
  readonly path?: { readonly type?: 'Exact' | 'PathPrefix' | 'RegularExpression'; readonly value?: string };
  readonly headers?: readonly ValueMatch[];
  readonly queryParams?: readonly ValueMatch[];
  readonly method?: string;
}

export interface GrpcRoute {
  readonly apiVersion: string;
  readonly kind: 'GRPCRoute';
  readonly metadata: Metadata;
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[];
    readonly useDefaultGateways?: string;
    readonly hostnames?: readonly string[];
    readonly rules?: readonly GrpcRouteRule[];
  };
}

export interface GrpcRouteRule {
  readonly name?: string;
  readonly matches?: readonly GrpcRouteMatch[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly BackendReference[];
  readonly sessionPersistence?: SessionPolicy;
}

export interface GrpcRouteMatch {
  readonly method?: {
    /** Absent: Exact. */
    readonly type?: 'Exact' | 'RegularExpression';
    readonly service?: string;
    readonly method?: string;
  };
  readonly headers?: readonly ValueMatch[];
}

/** TCPRoute and TLSRoute: what becomes of connections whose bytes are not looked at. */
export interface ConnectionRoute<Kind extends 'TCPRoute' | 'TLSRoute'> {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: Metadata;
  readonly spec: {
    readonly parentRefs?: readonly ParentReference[];
    readonly useDefaultGateways?: string;
    /** Of a TLSRoute. */
    readonly hostnames?: readonly string[];
    /** Exactly one. */
    readonly rules: readonly ConnectionRouteRule[];
  };
}

export interface ConnectionRouteRule {
  readonly name?: string;
  /** One at least. */
  readonly backendRefs: readonly BackendReference[];
}

export type TcpRoute = ConnectionRoute<'TCPRoute'>;
export type TlsRoute = ConnectionRoute<'TLSRoute'>;
/** The routes that a Service can have. */
export type RouteObject = GrpcRoute | HttpRoute | TcpRoute | TlsRoute;
