import type { Logger } from '@ambit/core/log';
import { NOT_HONOURED_LINES } from '../limits.ts';

/** Says once of everything that is not honoured; what was said stays said until it is gone. */
export class ToldLines {
  readonly #log: Logger;
  #told: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** All that holds now. Of many new ones at a time, as when a cluster that comes from Istio is read, only some are logged. */
  tell(lines: readonly string[]): void {
    const now = new Set(lines);
    const news = [...now].filter((line) => !this.#told.has(line));
    this.#told = now;
    for (const line of news.slice(0, NOT_HONOURED_LINES)) this.#log.warn(`not honoured as written: ${line}`);
    if (news.length <= NOT_HONOURED_LINES) return;
    const more = news.length - NOT_HONOURED_LINES;
    this.#log.warn({ more }, 'more is not honoured as written; /debug/problems names it');
  }
}
