import type { HttpRouteMatch } from './gateway-objects.ts';
import type { Metadata } from './objects.ts';

/** Limits on requests, of this project (`policy.ambit.io`), in the shape of the direct policies of the Gateway API (GEP-2648). */
export interface LocalRateLimitPolicy {
  readonly apiVersion: string;
  readonly kind: 'LocalRateLimitPolicy';
  readonly metadata: Metadata;
  readonly spec: LocalRateLimitSpec;
}

export interface LocalRateLimitSpec {
  readonly targetRefs: readonly LocalRateLimitTarget[];
  /** Absent: Enforce. */
  readonly mode?: 'DryRun' | 'Enforce';
  /** Absent: RateLimit. */
  readonly responseHeaders?: 'None' | 'RateLimit' | 'XRateLimit';
  readonly rules: readonly LocalRateLimitRule[];
}

export interface LocalRateLimitTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

export interface LocalRateLimitRule {
  readonly name: string;
  readonly matches?: readonly HttpRouteMatch[];
  readonly key?: readonly LocalRateLimitKey[];
  readonly limit: {
    readonly requests: number;
    /** Absent: a second. */
    readonly interval?: string;
    /** Absent: `requests`. */
    readonly burst?: number;
  };
  /** Absent: 1,024. */
  readonly maxKeys?: number;
}

export interface LocalRateLimitKey {
  readonly type:
    | 'Claim'
    | 'Header'
    | 'Method'
    | 'Path'
    | 'SourceAddress'
    | 'SourceNamespace'
    | 'SourcePrincipal'
    | 'SourceServiceAccount';
  /** Of a header. */
  readonly name?: string;
  /** The keys on the way to a claim. */
  readonly claim?: readonly string[];
}
