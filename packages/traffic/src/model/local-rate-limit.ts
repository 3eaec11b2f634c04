// Limits on requests of a service or of a waypoint, read from `ambit.waypoint.LocalRateLimit`. Plain data.

import type { HttpMatch } from './served-service.ts';

export interface LocalRateLimit {
  /** Of the object. */
  readonly namespace: string;
  readonly name: string;
  /** `Kind namespace/name`: what shares the buckets. */
  readonly target: string;
  /** What it would refuse is counted and logged, and passes. */
  readonly dryRun: boolean;
  /** What answers tell of limits. */
  readonly headers: RateLimitHeaders;
  /** A request needs a token of every rule that it matches. */
  readonly rules: readonly RateLimitRule[];
}

/** `standard`: `ratelimit` and `ratelimit-policy` (IETF); `x-ratelimit`: the three fields that Envoy writes. */
export type RateLimitHeaders = 'none' | 'standard' | 'x-ratelimit';

export interface RateLimitRule {
  /** Unique in its object. */
  readonly name: string;
  /** One of them must match; none means every request. */
  readonly matches: readonly HttpMatch[];
  /** Requests of which all parts are the same share a bucket; without parts all do. */
  readonly key: readonly RateLimitKeyPart[];
  readonly requests: number;
  readonly intervalMs: number;
  /** Size of a bucket. */
  readonly burst: number;
  /** Values that have a bucket of their own at once; what is beyond shares one. */
  readonly maxKeys: number;
}

export type RateLimitKeyKind =
  | 'claim'
  | 'header'
  | 'method'
  | 'path'
  | 'source-address'
  | 'source-namespace'
  | 'source-principal'
  | 'source-service-account';

export interface RateLimitKeyPart {
  readonly kind: RateLimitKeyKind;
  /** Of a header, in lower case; of a claim the keys on the way to it; else empty. */
  readonly name: readonly string[];
}
