import { AmbitError } from '@ambit/core/errors';

/** `details` of a Status object (apimachinery `StatusDetails`), as far as it is used. */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  readonly retryAfterSeconds?: number;
}

export interface KubeErrorOptions {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Reason of the Status object, such as `AlreadyExists`; for answers without one and for failures on the way, ours. */
  readonly reason: string;
  readonly details?: StatusDetails;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** A request to the API server that was refused or had no usable answer. The message names verb, resource and object. */
export class KubeError extends AmbitError {
  readonly status: number;
  readonly reason: string;
  readonly details: StatusDetails;

  constructor(code: string, message: string, { status, reason, details, retryable, cause }: KubeErrorOptions) {
    super(code, message, {
      source: status === 0 || status >= 500 ? 'system' : 'configuration',
      retryable: retryable ?? false,
      cause,
    });
    this.name = 'KubeError';
    this.status = status;
    this.reason = reason;
    this.details = details ?? {};
  }
}
