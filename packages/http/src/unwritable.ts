import { AmbitError } from '@ambit/core/errors';

/** A message cannot be written as HTTP/1 without changing its meaning, or letting it mean two things. Nothing of it was written. */
export class UnwritableError extends AmbitError {
  constructor(problem: string) {
    super('AMBIT_HTTP_UNWRITABLE', problem);
    this.name = 'UnwritableError';
  }
}
