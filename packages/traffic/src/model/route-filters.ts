import type { StringMatch } from './served-service.ts';

// What a route does to requests and answers beyond leading them somewhere. Plain data, as in served-service.ts.

/** In this order: remove, set, add. Names are in lower case; what belongs to a connection or to framing is never among them. */
export interface HeaderChanges {
  readonly remove: readonly string[];
  /** Replaces every field of that name, or adds one. */
  readonly set: readonly HeaderField[];
  /** A further field of that name. */
  readonly add: readonly HeaderField[];
}

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** How a request is changed before it is sent on. Matching and policies look at the request as it came. */
export interface Rewrite {
  /** Empty: the request's. */
  readonly authority: string;
  /** Null: the request's. */
  readonly path: PathRewrite | null;
}

/** Of the path without the query, which stays. */
export type PathRewrite =
  | { readonly kind: 'full'; readonly path: string }
  | {
      readonly kind: 'prefix';
      /** What the route has matched; its case is not looked at. */
      readonly prefix: string;
      readonly replacement: string;
      /** Gateway API ReplacePrefixMatch; otherwise octet by octet (Istio). */
      readonly bySegment: boolean;
    }
  /** RE2, every place where it fits; `\1` in the substitution is its first group, `\0` all, `\\` a backslash. */
  | { readonly kind: 'regex'; readonly regex: string; readonly substitution: string };

/** An answer that sends the client elsewhere; the query goes along. */
export interface Redirect {
  readonly status: number;
  /** Empty: the request's. */
  readonly scheme: string;
  /** Without port; empty: the request's. */
  readonly hostname: string;
  /** In `Location`, unless the scheme implies it. */
  readonly port: number | 'as-requested' | 'implied-by-scheme';
  /** Null: the request's. */
  readonly path: PathRewrite | null;
}

/** First the delay, then the abort. */
export interface Fault {
  readonly delay: FaultDelay | null;
  readonly abort: FaultAbort | null;
}

export interface FaultDelay {
  readonly delayMs: number;
  /** How many requests of a million. */
  readonly perMillion: number;
}

export interface FaultAbort {
  /** `http`: a status of HTTP, which a gRPC client gets as the one it maps to; `grpc`: the other way round. */
  readonly kind: 'grpc' | 'http';
  readonly status: number;
  /** How many requests of a million, of those that came so far. */
  readonly perMillion: number;
}

/** Cross-origin resource sharing (Fetch standard 3.2). */
export interface Cors {
  /** `Origin` fits one of them; `*` as exact text fits every one. */
  readonly allowOrigins: readonly StringMatch[];
  /** As written in answers; `*` alone: whatever is asked for. */
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  /** Null: not said. */
  readonly maxAgeSeconds: number | null;
  readonly allowCredentials: boolean;
  /** Preflight requests of other origins go to the backend; otherwise they are answered without permission. */
  readonly forwardUnmatchedPreflights: boolean;
}
