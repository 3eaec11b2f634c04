import {
  type LocalAnswer,
  localAnswer,
  ALL_ENDPOINTS_EJECTED,
  NO_HEALTHY_UPSTREAM,
  overflowAnswer,
  REQUEST_TOO_LARGE,
  RESPONSE_TIMEOUT,
  UPGRADE_NOT_OFFERED,
} from '../local-answer.ts';
import type { ResponseFlag, ResponseFlags } from '../response-flag.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';

/** A try that the policy would repeat, and why it is not: no tries left, or too many retries under way. */
export type GaveUp = 'exhausted' | 'over-budget';

/** A try that brought no response. */
export type AttemptFailure = Exclude<AttemptOutcome, { kind: 'response' }>;

interface Cause {
  readonly status: number;
  readonly flag: ResponseFlag;
  /** As Envoy names the reason of a reset. */
  readonly reason: string;
  readonly body: string;
}

const CONNECT_REFUSED: Cause = {
  status: 503,
  flag: 'UF',
  reason: 'remote_connection_failure',
  body: 'upstream connection failed',
};
const CONNECT_TIMEOUT: Cause = {
  status: 503,
  flag: 'UF',
  reason: 'connection_timeout',
  body: 'upstream connection timed out',
};
const REFUSED_STREAM: Cause = {
  status: 503,
  flag: 'UR',
  reason: 'remote_refused_stream_reset',
  body: 'upstream refused the request',
};
const REMOTE_RESET: Cause = { status: 503, flag: 'UR', reason: 'remote_reset', body: 'upstream reset the request' };
const CONNECTION_ENDED: Cause = {
  status: 503,
  flag: 'UC',
  reason: 'connection_termination',
  body: 'upstream closed the connection',
};
const PROTOCOL_ERROR: Cause = {
  status: 502,
  flag: 'UPE',
  reason: 'protocol_error',
  body: 'upstream response is not valid',
};
const PER_TRY_TIMEOUT: Cause = {
  status: 504,
  flag: 'UT',
  reason: 'upstream_per_try_timeout',
  body: 'upstream request timeout',
};

/** What the client is told when the last try brought no response. */
export function failureAnswer(failure: AttemptFailure, gaveUp: GaveUp | undefined): LocalAnswer {
  switch (failure.kind) {
    case 'request-timeout':
      return RESPONSE_TIMEOUT;
    case 'no-endpoint':
      return failure.ejected ? ALL_ENDPOINTS_EJECTED : NO_HEALTHY_UPSTREAM;
    case 'overflow':
      return overflowAnswer(failure.reason);
    case 'too-large':
      return REQUEST_TOO_LARGE;
    case 'no-upgrade':
      return UPGRADE_NOT_OFFERED;
    case 'connect-failed':
    case 'refused-stream':
    case 'reset':
    case 'per-try-timeout': {
      const { status, flag, reason, body } = causeOf(failure);
      const details = failure.kind === 'per-try-timeout' ? reason : `upstream_reset_before_response_started{${reason}}`;
      return localAnswer(status, flagsOf(flag, gaveUp), details, body);
    }
  }
}

/** How a response that the client has in part is cut. */
export function cutFor(failure: AttemptFailure): {
  readonly kind: 'cut';
  readonly flags: ResponseFlags;
  readonly details: string;
} {
  switch (failure.kind) {
    case 'request-timeout':
    case 'no-endpoint':
    case 'overflow':
    case 'too-large':
    case 'no-upgrade': {
      const { flags, details } = failureAnswer(failure, undefined);
      return { kind: 'cut', flags, details };
    }
    case 'connect-failed':
    case 'refused-stream':
    case 'reset':
    case 'per-try-timeout': {
      const { flag, reason } = causeOf(failure);
      const details = failure.kind === 'per-try-timeout' ? reason : `upstream_reset_after_response_started{${reason}}`;
      return { kind: 'cut', flags: flag, details };
    }
  }
}

function causeOf(
  failure: Exclude<
    AttemptFailure,
    { kind: 'no-endpoint' | 'no-upgrade' | 'overflow' | 'request-timeout' | 'too-large' }
  >,
): Cause {
  switch (failure.kind) {
    case 'connect-failed':
      return failure.reason === 'timeout' ? CONNECT_TIMEOUT : CONNECT_REFUSED;
    case 'refused-stream':
      return REFUSED_STREAM;
    case 'per-try-timeout':
      return PER_TRY_TIMEOUT;
    case 'reset':
      switch (failure.reason) {
        case 'remote-reset':
          return REMOTE_RESET;
        case 'connection-ended':
          return CONNECTION_ENDED;
        case 'protocol-error':
          return PROTOCOL_ERROR;
      }
  }
}

function flagsOf(flag: ResponseFlag, gaveUp: GaveUp | undefined): ResponseFlags {
  switch (gaveUp) {
    case undefined:
      return flag;
    case 'exhausted':
      return `${flag},URX`;
    case 'over-budget':
      return `${flag},UO`;
  }
}
