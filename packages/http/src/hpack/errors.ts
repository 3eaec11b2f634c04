import { AmbitError } from '@ambit/core/errors';

/** The header compression state of the two ends differs; the connection cannot go on (RFC 9113 4.3, COMPRESSION_ERROR). */
export class HpackError extends AmbitError {
  constructor(message: string) {
    super('AMBIT_HPACK', message, { source: 'peer' });
    this.name = 'HpackError';
  }
}
