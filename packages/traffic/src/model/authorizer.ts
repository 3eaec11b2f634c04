import type { ValuePattern } from './authorization-policy.ts';
import type { HeaderField } from './route-filters.ts';

/** Somebody who is asked about requests, read from `ambit.waypoint.Authorizer` with everything checked. */
export interface Authorizer {
  /** Of the provider in MeshConfig. */
  readonly name: string;
  readonly protocol: AuthorizerProtocol;
  /** `Cluster.name`, of a service; empty when it cannot be asked. */
  readonly cluster: string;
  /** Milliseconds, from the question to the answer. */
  readonly timeoutMs: number;
  /** Who cannot be asked, or gives no answer, allows. */
  readonly failOpen: boolean;
  /** What clients get where that is not so. */
  readonly statusOnError: number;
  /** Routes are matched with the request as the authorizer has changed it. */
  readonly clearRouteCache: boolean;
  /** Null: it does not see the content. */
  readonly body: BodyInCheck | null;
}

export type AuthorizerProtocol =
  | ({ readonly kind: 'http' } & HttpAuthorizer)
  /** `authority`: `:authority` of the call. */
  | { readonly kind: 'grpc'; readonly authority: string }
  /** What it was to be asked about is refused. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Patterns are exact, prefix or suffix, of names in lower case. */
export interface HttpAuthorizer {
  /** Before the path of the request. */
  readonly pathPrefix: string;
  /** Fields of the request that it sees, beside `authorization`. */
  readonly requestHeaders: readonly ValuePattern[];
  /** Beside those, and in their place. */
  readonly addedHeaders: readonly HeaderField[];
  /** Fields of its answer that replace those of the request. */
  readonly upstreamHeadersOnAllow: readonly ValuePattern[];
  /** Fields of its answer that clients get; none: all. */
  readonly clientHeadersOnDeny: readonly ValuePattern[];
  /** Fields of its answer that are added to that of the endpoint. */
  readonly clientHeadersOnAllow: readonly ValuePattern[];
}

export interface BodyInCheck {
  readonly maxBytes: number;
  /** Of a larger content it sees the beginning; otherwise such a request is refused with 413. */
  readonly partial: boolean;
  /** gRPC: as octets, and not as text. */
  readonly asBytes: boolean;
}
