import { type RepeatedValue, valueBytes } from './log-bytes.ts';
import type { FlagSet } from './response-flag-set.ts';

/** One end of requests, which is the same for many of them, as bytes of the log's format: made by `HttpAccessLog`. */
export interface LoggedDownstream {
  readonly addresses: Buffer;
  readonly source: Buffer;
  /** What a client says in each of its requests. */
  readonly userAgent: RepeatedValue;
  readonly authority: RepeatedValue;
}

export interface LoggedUpstream {
  readonly target: Buffer;
  readonly destination: Buffer;
}

export interface LoggedRoute {
  readonly name: Buffer;
}

/** What is logged of a connection from a client. */
export interface DownstreamFacts {
  /** The address that the client dialled. */
  readonly localAddress: string | undefined;
  readonly remoteAddress: string | undefined;
  /** SNI that the client asked for. */
  readonly serverName: string | undefined;
  /** `spiffe://…`, proved by mutual TLS. */
  readonly principal: string | undefined;
  /** `namespace/name` of the pod. */
  readonly workload: string | undefined;
}

/** What is logged of a connection to an endpoint. */
export interface UpstreamFacts {
  readonly host: string | undefined;
  /** Which endpoints were to choose from, such as `outbound|8080|v1|cart.shop.svc.cluster.local`. */
  readonly cluster: string | undefined;
  readonly localAddress: string | undefined;
  /** `namespace/name` of the pod. */
  readonly workload: string | undefined;
}

/**
 * All that is logged of one request, or of one opaque connection (without method, path, protocol), when it is over. What is not
 * known is undefined. Meant to be the object that a proxy has of the request anyway.
 */
export interface HttpLogRecord {
  /** The first byte of the request, in milliseconds since 1970. */
  readonly startTime: number;
  readonly method: string | undefined;
  /** As the client sent it, with the query. */
  readonly path: string | undefined;
  /** `HTTP/1.1`, `HTTP/2`. */
  readonly protocol: string | undefined;
  /** What the client got; 0 when nothing. */
  readonly status: number;
  readonly flags: FlagSet;
  /** Why the answer is what it is: `via_upstream`, `route_not_found`. */
  readonly details: string | undefined;
  /** Why the connection was ended. */
  readonly terminationDetails: string | undefined;
  /** Why the endpoint could not be reached. */
  readonly transportFailure: string | undefined;
  /** Of the body; for an opaque connection all. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Milliseconds; fractions are cut off. */
  readonly duration: number;
  /** Milliseconds from the whole request until the head of the response, undefined without one. */
  readonly upstreamServiceTime: number | undefined;
  readonly forwardedFor: string | undefined;
  readonly userAgent: string | undefined;
  readonly requestId: string | undefined;
  readonly authority: string | undefined;
  readonly downstream: LoggedDownstream;
  /** The last endpoint that was tried. */
  readonly upstream: LoggedUpstream | undefined;
  readonly route: LoggedRoute | undefined;
  /** Of the trace that the request is part of, 32 hexadecimal digits; undefined where nobody asked for traces. */
  readonly traceId?: string | undefined;
  /** `namespace/name` of the policy that decided. */
  readonly policy: string | undefined;
  /** Reason code of the decision or refusal. */
  readonly reason: string | undefined;
}

export const UNKNOWN_UPSTREAM: UpstreamFacts = {
  host: undefined,
  cluster: undefined,
  localAddress: undefined,
  workload: undefined,
};

/** Writes requests as lines of a log: one format, and what of it is the same for many requests. */
export interface HttpAccessLog {
  downstream(facts: DownstreamFacts): LoggedDownstream;
  upstream(facts: UpstreamFacts): LoggedUpstream;
  /** `name` of the route that matched. */
  route(name: string): LoggedRoute;
  /**
   * Writes one line with its end into `into` from `at` and returns where it ended; -1, and nothing written, when there may be
   * too little room.
   */
  writeLine(record: HttpLogRecord, into: Buffer, at: number): number;
}

/** Bytes of a line apart from its values, and of its values that are numbers. */
const FIXED_BYTES = 1_536;

/** Bytes that the line takes at most. */
export function lineBytes(record: HttpLogRecord, upstream: LoggedUpstream, route: LoggedRoute): number {
  return (
    FIXED_BYTES +
    valueBytes(record.method) +
    valueBytes(record.path) +
    valueBytes(record.protocol) +
    valueBytes(record.details) +
    valueBytes(record.terminationDetails) +
    valueBytes(record.transportFailure) +
    valueBytes(record.forwardedFor) +
    valueBytes(record.userAgent) +
    valueBytes(record.requestId) +
    valueBytes(record.authority) +
    valueBytes(record.policy) +
    valueBytes(record.reason) +
    valueBytes(record.traceId) +
    upstream.target.length +
    upstream.destination.length +
    record.downstream.addresses.length +
    record.downstream.source.length +
    route.name.length
  );
}
