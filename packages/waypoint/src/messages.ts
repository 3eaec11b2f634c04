import type { ThreadCommand, ThreadReport, ThreadStart } from '@ambit/proxy/thread/messages';
import type { RequestSnapshot } from '@ambit/telemetry/request-snapshot';
import type { BreakerState } from '@ambit/traffic/breaker/circuit-breaker';
import type { ClusterMemory } from '@ambit/traffic/cluster-state/cluster-memory';
import type { Ejection } from '@ambit/traffic/outlier/outlier-detection';
import type { Span } from '@ambit/telemetry/trace/span';
import type { ServedService } from '@ambit/traffic/model/served-service';
import type { TraceCollector } from '@ambit/traffic/model/telemetry';
import type { TokenAlgorithm } from '@ambit/traffic/token/parse-token';
import type { DescriptorBudgetMemory } from '@ambit/reactor/descriptor-budget';
import type { Config } from './config.ts';

/** A certificate with which the waypoint shows itself to endpoints. */
export interface ClientCertificate {
  /** `namespace/name`. */
  readonly name: string;
  readonly version: string;
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

/** A public key by which tokens are signed, checked. */
export interface TokenKey {
  /** `kid`; undefined: it has no name. */
  readonly id: string | undefined;
  /** What it may be used for; at least one. */
  readonly algorithms: readonly TokenAlgorithm[];
  /** SubjectPublicKeyInfo. */
  readonly pem: string;
}

/** What becomes of the keys of issuers; sources by `keySourceName`. */
export interface TokenKeysChange {
  readonly changed: readonly { readonly source: string; readonly keys: readonly TokenKey[] }[];
  /** Nobody asks for them any more. */
  readonly removed: readonly string[];
  /** Newer keys were looked for; what waits for them may go on. */
  readonly settled: readonly string[];
}

/** A span, and who is to get it. */
export interface TracedSpan {
  readonly collector: TraceCollector;
  readonly span: Span;
}

/** From the control side to a data thread. */
export type Command =
  | ThreadCommand
  /** A report of spans was taken. */
  | { readonly kind: 'spans-taken' }
  /** The listening descriptor, which the control side owns. */
  | { readonly kind: 'listen'; readonly fd: number }
  /** New versions of some services, and the names of those that are served no more. Answered when they are in force. */
  | {
      readonly kind: 'services';
      readonly changed: readonly ServedService[];
      readonly removed: readonly string[];
      /** What all threads share of the clusters of `changed`, by `clusterKey`. */
      readonly memory: ReadonlyMap<string, ClusterMemory>;
      /** Clusters to which nothing leads any more. */
      readonly forgotten: readonly string[];
      /** What all threads share of the rate limits of `changed`, by `bucketsKey`. */
      readonly buckets: ReadonlyMap<string, SharedArrayBuffer>;
      /** Rate limits that nothing has any more. */
      readonly forgottenBuckets: readonly string[];
      readonly ticket: number;
    }
  /** Certificates for endpoints that ask for one, and the names of those that are gone. Answered when they are known. */
  | {
      readonly kind: 'client-certificates';
      readonly changed: readonly ClientCertificate[];
      readonly removed: readonly string[];
      readonly ticket: number;
    }
  | ({ readonly kind: 'token-keys' } & TokenKeysChange)
  /** On another thread a request waits for a connection to this cluster, which has as many as it may. */
  | { readonly kind: 'give-way'; readonly cluster: string }
  /**
   * Takes no new connections, says GOAWAY, and ends each connection with its last request. Answered when none is left, or
   * after `deadline` milliseconds, when what is left was cut.
   */
  | { readonly kind: 'drain'; readonly deadline: number; readonly ticket: number };

/** From a data thread to the control side. */
export type Report =
  | Exclude<ThreadReport, { kind: 'scraped' }>
  | { readonly kind: 'connection-wanted'; readonly cluster: string }
  /** An endpoint of a cluster (`clusterKey`) is out from now on. */
  | { readonly kind: 'ejected'; readonly cluster: string; readonly ejection: Ejection }
  /** The circuit breaker of a cluster has changed its state. */
  | { readonly kind: 'breaker'; readonly cluster: string; readonly state: BreakerState }
  /** A token may have been signed by a key that is not known yet. Answered by `token-keys` with the source in `settled`. */
  | { readonly kind: 'keys-wanted'; readonly source: string }
  /** Answered by `spans-taken`. */
  | { readonly kind: 'spans'; readonly spans: readonly TracedSpan[] }
  | (Extract<ThreadReport, { kind: 'scraped' }> & { readonly requests: RequestSnapshot });

/** What the program adds to what its threads are started with. */
export interface WaypointStart {
  readonly config: Config;
  /** What connections may hold, the same for all threads. */
  readonly descriptors: DescriptorBudgetMemory;
}

export type WaypointThreadStart = ThreadStart & WaypointStart;
