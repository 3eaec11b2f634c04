/** Where a failure came from, seen from the component that reports it. */
export type ErrorSource = 'peer' | 'application' | 'configuration' | 'system' | 'internal';

export interface AmbitErrorOptions {
  /** Default `internal`. */
  source?: ErrorSource;
  /** True when the same operation may be tried again without harm. Default false. */
  retryable?: boolean;
  cause?: unknown;
}

/**
 * The base of every error the project raises on purpose.
 * `code` is stable (`AMBIT_…`, listed in docs/errors.md); the message names the object, the field and the probable cause.
 */
export class AmbitError extends Error {
  readonly code: string;
  readonly source: ErrorSource;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: AmbitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AmbitError';
    this.code = code;
    this.source = options.source ?? 'internal';
    this.retryable = options.retryable ?? false;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
