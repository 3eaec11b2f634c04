/** How one try ended, or, for `response`, how it began to answer. */
export type AttemptOutcome =
  /** TCP, TLS, identity or the tunnel failed; nothing was sent. */
  | { readonly kind: 'connect-failed'; readonly reason: ConnectFailure }
  /** REFUSED_STREAM, or above the last stream of a GOAWAY: not processed. */
  | { readonly kind: 'refused-stream' }
  /** The stream or connection ended without a complete response. `requestSent`: an octet of the request, at least, left us. */
  | { readonly kind: 'reset'; readonly reason: ResetReason; readonly requestSent: boolean }
  | { readonly kind: 'per-try-timeout' }
  /** The request's own time is over; never tried again. */
  | { readonly kind: 'request-timeout' }
  /** No endpoint could be chosen; never tried again. `ejected`: because all of them fail. */
  | { readonly kind: 'no-endpoint'; readonly ejected: boolean }
  /** A limit kept the request from being sent; never tried again. */
  | { readonly kind: 'overflow'; readonly reason: OverflowReason }
  /** The endpoint takes no head, or no trailers, as large as those of the request; never tried again. */
  | { readonly kind: 'too-large' }
  /** The endpoint does not offer to switch to another protocol; never tried again. */
  | { readonly kind: 'no-upgrade' }
  /**
   * Head of a final response; `grpcStatus` only from the head itself (trailers-only), -1 when it has none; `rateLimited`: it has
   * `x-envoy-ratelimited`.
   */
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly grpcStatus: number;
      readonly rateLimited?: boolean;
    };

/** Which limit it was, by the code that errors and `x-ambit-reason` have. */
export type OverflowReason =
  | 'AMBIT_CIRCUIT_OPEN'
  | 'AMBIT_CONNECTION_LIMIT'
  | 'AMBIT_PENDING_LIMIT'
  | 'AMBIT_REQUEST_LIMIT'
  | 'AMBIT_WAYPOINT_WAITING';

/** `refused`: also unreachable, or another identity. */
export type ConnectFailure = 'refused' | 'timeout';

/** `remote-reset`: of the stream. `connection-ended`: closed or lost below it. `protocol-error`: not a valid response. */
export type ResetReason = 'connection-ended' | 'protocol-error' | 'remote-reset';

export const CONNECT_REFUSED: AttemptOutcome = { kind: 'connect-failed', reason: 'refused' };
export const CONNECT_TIMED_OUT: AttemptOutcome = { kind: 'connect-failed', reason: 'timeout' };
export const REFUSED_STREAM: AttemptOutcome = { kind: 'refused-stream' };
export const PER_TRY_TIMED_OUT: AttemptOutcome = { kind: 'per-try-timeout' };
export const REQUEST_TIMED_OUT: AttemptOutcome = { kind: 'request-timeout' };
export const NO_ENDPOINT: AttemptOutcome = { kind: 'no-endpoint', ejected: false };
export const ALL_EJECTED: AttemptOutcome = { kind: 'no-endpoint', ejected: true };
export const TOO_LARGE: AttemptOutcome = { kind: 'too-large' };
export const NO_UPGRADE: AttemptOutcome = { kind: 'no-upgrade' };
export const CIRCUIT_OPEN: AttemptOutcome = { kind: 'overflow', reason: 'AMBIT_CIRCUIT_OPEN' };

const OVERFLOWS: ReadonlyMap<string, AttemptOutcome> = new Map(
  (
    [
      'AMBIT_CIRCUIT_OPEN',
      'AMBIT_CONNECTION_LIMIT',
      'AMBIT_PENDING_LIMIT',
      'AMBIT_REQUEST_LIMIT',
      'AMBIT_WAYPOINT_WAITING',
    ] satisfies OverflowReason[]
  ).map((reason) => [reason, { kind: 'overflow', reason }]),
);

/** Of an error that says that a limit was met; undefined of others. */
export function overflowOf(code: string): AttemptOutcome | undefined {
  return OVERFLOWS.get(code);
}

/** What endpoints that did not answer are judged by, as Envoy has it; undefined: it was not up to the endpoint. */
export function unansweredStatus({ kind }: AttemptOutcome): 503 | 504 | undefined {
  switch (kind) {
    case 'connect-failed':
    case 'refused-stream':
    case 'reset':
      return 503;
    case 'per-try-timeout':
    case 'request-timeout':
      return 504;
    case 'no-endpoint':
    case 'no-upgrade':
    case 'overflow':
    case 'response':
    case 'too-large':
      return undefined;
  }
}

/** How far the request is; the caller's own object may be one. */
export interface AttemptProgress {
  /** Octets of the body that were handed to the endpoint in this try. */
  readonly bodyBytesSent: number;
  /** Whether the end of the request was handed to it as well. */
  readonly bodyComplete: boolean;
  /** Whether all of the body that came so far is still held. */
  readonly replayable: boolean;
  /** Whether the head of a response went to the client. */
  readonly responseBegun: boolean;
}
