import type { RetryCondition, RetryPolicy } from '../model/served-service.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';

/** gRPC statuses in the head of a response that a condition stands for. */
const GRPC_STATUSES: Partial<Record<RetryCondition, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  internal: 13,
  'resource-exhausted': 8,
  unavailable: 14,
};

const CONFLICT = 409;

/** A retry policy with its conditions made ready. */
export class CompiledRetryPolicy {
  readonly retries: number;
  /** 0: what is left of the request's. */
  readonly perTryTimeoutMs: number;
  readonly backoffBaseMs: number;
  readonly ignorePreviousEndpoints: boolean;
  readonly remoteLocalities: boolean;
  readonly #conditions: ReadonlySet<RetryCondition>;
  readonly #statuses: ReadonlySet<number>;
  readonly #grpcStatuses: ReadonlySet<number>;
  /** No response at all is as a 5xx for these. */
  readonly #anyFailure: boolean;

  constructor(policy: RetryPolicy) {
    this.retries = policy.retries;
    this.perTryTimeoutMs = policy.perTryTimeoutMs;
    this.backoffBaseMs = policy.backoffBaseMs;
    this.ignorePreviousEndpoints = policy.ignorePreviousEndpoints;
    this.remoteLocalities = policy.remoteLocalities;
    const conditions = new Set(policy.conditions);
    this.#conditions = conditions;
    this.#statuses = new Set(policy.statusCodes);
    this.#grpcStatuses = new Set(policy.conditions.map((one) => GRPC_STATUSES[one]).filter((one) => one !== undefined));
    this.#anyFailure = conditions.has('5xx') || conditions.has('gateway-error') || conditions.has('reset');
  }

  /** Whether a try that ended like this is one that the policy wants to see again. */
  covers(outcome: AttemptOutcome): boolean {
    switch (outcome.kind) {
      case 'connect-failed':
        return (
          this.#anyFailure ||
          this.#conditions.has('connect-failure') ||
          // Nothing was sent.
          this.#conditions.has('reset-before-request')
        );
      case 'refused-stream':
        return this.#anyFailure || this.#conditions.has('refused-stream');
      case 'reset':
        return this.#anyFailure || (!outcome.requestSent && this.#conditions.has('reset-before-request'));
      case 'per-try-timeout':
        return this.#anyFailure;
      case 'response':
        // Who is asked to come less often is not asked again, unless the policy wants just that.
        if (outcome.rateLimited === true) return this.#conditions.has('envoy-ratelimited');
        return this.#coversResponse(outcome.status, outcome.grpcStatus);
      case 'request-timeout':
      case 'no-endpoint':
      case 'overflow':
      case 'too-large':
      case 'no-upgrade':
        return false;
    }
  }

  #coversResponse(status: number, grpcStatus: number): boolean {
    if (grpcStatus > 0 && this.#grpcStatuses.has(grpcStatus)) return true;
    if (status >= 500 && this.#conditions.has('5xx')) return true;
    if (status >= 502 && status <= 504 && this.#conditions.has('gateway-error')) return true;
    if (status === CONFLICT && this.#conditions.has('retriable-4xx')) return true;
    return this.#statuses.has(status);
  }
}
