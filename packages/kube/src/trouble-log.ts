import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';

/** Says once that something goes wrong, again only when it goes wrong in another way, and once that it is over. */
export class TroubleLog {
  readonly #log: Logger;
  readonly #failing: string;
  readonly #over: string;
  #trouble: string | undefined;

  constructor(log: Logger, { failing, over }: { readonly failing: string; readonly over: string }) {
    this.#log = log;
    this.#failing = failing;
    this.#over = over;
  }

  note(error: unknown, fields: object): void {
    const code = error instanceof AmbitError ? error.code : undefined;
    const trouble = code ?? messageOf(error);
    const line = { ...fields, ...(code === undefined ? {} : { code }), error: messageOf(error) };
    if (trouble === this.#trouble) this.#log.debug(line, this.#failing);
    else this.#log.warn(line, this.#failing);
    this.#trouble = trouble;
  }

  over(fields: object): void {
    if (this.#trouble !== undefined) this.#log.info(fields, this.#over);
    this.#trouble = undefined;
  }
}
