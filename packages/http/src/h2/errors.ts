import { AmbitError, type ErrorSource } from '@ambit/core/errors';
import { errorCodeName } from './frames.ts';

/**
 * The connection as a whole is over (RFC 9113 5.4.1).
 * `errorCode` is what our GOAWAY says, or what the peer's said.
 */
export class Http2ConnectionError extends AmbitError {
  readonly errorCode: number;

  constructor(errorCode: number, message: string, source: ErrorSource = 'peer') {
    super('AMBIT_HTTP2_CONNECTION', `${message} (${errorCodeName(errorCode)})`, { source });
    this.name = 'Http2ConnectionError';
    this.errorCode = errorCode;
  }
}
