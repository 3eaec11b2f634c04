/** What a peer shows on the tunnel port. PEM texts. */
export interface PeerCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A visit to the tunnel port of a pod, in good or in bad faith. Times in milliseconds. */
export interface TunnelVisit {
  readonly host: string;
  readonly port: number;
  readonly kind: VisitKind;
  /** Not needed by the visits that never finish a handshake. */
  readonly peer?: PeerCertificate;
  /** `:authority` of `connect`. */
  readonly authority?: string;
  /** How many times `rapid-reset` and `half-open` do it. */
  readonly count?: number;
  readonly timeout: number;
}

/**
 * `connect`: CONNECT with the authority. `get`: GET instead of CONNECT. `plaintext`: HTTP without TLS.
 * `header-bomb`: one request whose header list never ends. `rapid-reset`: requests that are cancelled at once.
 * `stalled-handshake`: the begin of a ClientHello and then silence. `half-open`: many of those at once.
 */
export type VisitKind =
  | 'connect'
  | 'get'
  | 'plaintext'
  | 'header-bomb'
  | 'rapid-reset'
  | 'stalled-handshake'
  | 'half-open';

/** What became of a visit. */
export interface VisitResult {
  /** `:status` of the answer. */
  readonly status?: number;
  /** `x-ambit-reason` of the answer. */
  readonly reason?: string;
  /** HTTP/2 error code of the GOAWAY. */
  readonly goaway?: number;
  /** The error that our side saw, such as a TLS alert or ECONNRESET. */
  readonly failure?: string;
  /** Milliseconds until the other side closed the connection (of `half-open`: the last one); absent when it did not. */
  readonly closedAfter?: number;
  /** How many repetitions were sent (`rapid-reset`), were open at the end (`half-open`), or header bytes sent (`header-bomb`). */
  readonly sent?: number;
}
