import { AmbitError } from '@ambit/core/errors';

/** A message cannot be written as HTTP/1 without changing its meaning, or letting it mean two things. Nothing of it was written. */
export class UnwritableError extends AmbitError {
  constructor(problem: string) {
    super('AMBIT_HTTP_UNWRITABLE', problem);
    this.name = 'UnwritableError';
  }
}

/** A head is larger than the peer has said that it takes (SETTINGS_MAX_HEADER_LIST_SIZE). Nothing of it was written. */
export class TooLargeError extends AmbitError {
  constructor(size: number, limit: number) {
    super('AMBIT_HTTP_TOO_LARGE', `a head of ${size} octets, the peer takes ${limit}`);
    this.name = 'TooLargeError';
  }
}
