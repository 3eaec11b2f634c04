import type { SpiffeId } from '@ambit/core/spiffe';

/** What a proxy presents as one workload, and whom it trusts then. All PEM; times in milliseconds since the epoch. */
export interface Certificate {
  readonly identity: SpiffeId;
  /** Grows with every certificate the store takes, over all identities and across restarts with saved state. */
  readonly generation: number;
  /** Leaf and intermediates, the leaf first. */
  readonly certificateChainPem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** One or more roots. */
  readonly rootsPem: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Of the leaf, upper-case hexadecimal. */
  readonly serialNumber: string;
}

/** A failed fetch. */
export interface FetchFailure {
  readonly code: string;
  readonly message: string;
  /** Wall time, milliseconds since the epoch. */
  readonly at: number;
  /** Failures in a row. */
  readonly count: number;
}

/**
 * One identity of the store.
 * `initializing`: asked for, no answer yet. `unavailable`: every answer so far was a failure.
 * `available`: the certificate is valid; `failure` says that its renewal does not succeed.
 * `expired`: the certificate ran out before the CA gave another; nothing is presented, fetching goes on.
 */
export type IdentityState =
  | { readonly phase: 'initializing' }
  | { readonly phase: 'unavailable'; readonly failure: FetchFailure }
  | {
      readonly phase: 'available';
      readonly certificate: Certificate;
      readonly renewAt: number;
      readonly failure?: FetchFailure;
    }
  | { readonly phase: 'expired'; readonly certificate: Certificate; readonly failure?: FetchFailure };

/** What happened to an identity. `certificate` comes once per generation. */
export type IdentityEvent =
  | { readonly kind: 'certificate'; readonly certificate: Certificate; readonly restored: boolean }
  | {
      readonly kind: 'failed';
      readonly identity: SpiffeId;
      readonly failure: FetchFailure;
      readonly retryInMs: number;
      /** Undefined when there is none: connections as this identity fail. */
      readonly validUntil: number | undefined;
    }
  | { readonly kind: 'expired'; readonly identity: SpiffeId; readonly notAfter: number }
  | { readonly kind: 'forgotten'; readonly identity: SpiffeId };

/** Who waits: a connection, a pod that just came, or a renewal. Fetched in this order, and the earliest first. */
export type FetchPriority = 'realtime' | 'warmup' | 'background';

/** What a source of certificates answers; nothing of it is checked yet. */
export interface IssuedChain {
  /** PKCS#8 of the key that was certified. */
  readonly privateKeyPem: string;
  /** As from the CA: leaf, intermediates, root bundle last. */
  readonly chainPem: readonly string[];
}

/** Gets certificates; the CA client, or something else in tests. */
export interface CertificateSource {
  /** Rejects with an AmbitError on failure and soon after `signal` aborts. */
  fetch(identity: SpiffeId, signal: AbortSignal): Promise<IssuedChain>;
}
