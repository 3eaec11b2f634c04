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
  readonly hosts?: readonly string[];
  /** Absent: `mesh`. */
  readonly gateways?: readonly string[];
  /** Absent: `*`. */
  readonly exportTo?: readonly string[];
  readonly http?: readonly VirtualHttpRoute[];
  readonly tls?: readonly unknown[];
  readonly tcp?: readonly VirtualTcpRoute[];
}

export interface VirtualHttpRoute {
  readonly name?: string;
  readonly match?: readonly VirtualHttpMatch[];
  readonly route?: readonly VirtualDestination[];
  readonly directResponse?: {
    readonly status: number;
    readonly body?: { readonly string?: string; readonly bytes?: string };
  };
  /** Duration as Istio takes it; absent or 0: none. */
  readonly timeout?: string;
  readonly retries?: VirtualRetry;
  readonly redirect?: unknown;
  readonly delegate?: unknown;
}

export interface VirtualHttpMatch {
  readonly name?: string;
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
  readonly headers?: unknown;
}

export interface Destination {
  /** A name without dots is a Service of the object's namespace. */
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
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
  readonly portLevelSettings?: readonly (PortPolicy & { readonly port?: { readonly number?: number } })[];
}

export interface PortPolicy {
  readonly loadBalancer?: { readonly simple?: string };
  readonly connectionPool?: { readonly tcp?: { readonly connectTimeout?: string } };
  readonly tls?: { readonly mode?: string };
}
