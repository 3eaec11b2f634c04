import type { Reactor } from '@ambit/reactor/reactor';
import { LOG_QUEUE } from '../limits.ts';
import type { Report } from '../messages.ts';

/** Lines go to the main thread together, this long after the first of them, milliseconds. */
const GATHER = 50;

/** Access-log lines on their way to the main thread, which writes them. Never waits: what does not fit is dropped and counted. */
export class AccessLog {
  readonly #reactor: Reactor;
  #lines: string[] = [];
  #dropped = 0;
  #scheduled = false;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  write(line: string): void {
    if (this.#lines.length >= LOG_QUEUE) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#reactor.after(GATHER, () => {
      this.flush();
    });
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#lines.length === 0 && this.#dropped === 0) return;
    const report: Report = { kind: 'log', text: this.#lines.join(''), dropped: this.#dropped };
    this.#lines = [];
    this.#dropped = 0;
    this.#reactor.post(report);
  }
}
