import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { FAULT_LOG_INTERVAL } from './limits.ts';

interface Fault {
  /** Since the last line. */
  count: number;
  message: string;
  thread: number;
}

/** Faults of data threads in the log: of those with the same code one line now, and one per `FAULT_LOG_INTERVAL` with their number. */
export class FaultLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #recent = new Map<string, Fault>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `message` begins with a code and a colon. */
  report(thread: number, message: string): void {
    const code = message.split(':', 1)[0] ?? '';
    const known = this.#recent.get(code);
    if (known !== undefined) {
      known.count += 1;
      known.message = message;
      known.thread = thread;
      return;
    }
    this.#log.error({ thread, error: message }, 'an error in a data thread cost its connection');
    const fault: Fault = { count: 0, message, thread };
    this.#recent.set(code, fault);
    this.#sayLater(code, fault);
  }

  #sayLater(code: string, fault: Fault): void {
    this.#clock.setTimeout(
      () => {
        const { count, message, thread } = fault;
        if (count === 0) {
          this.#recent.delete(code);
          return;
        }
        fault.count = 0;
        this.#log.error(
          { thread, error: message, count },
          'errors in data threads cost their connections; the last one is shown',
        );
        this.#sayLater(code, fault);
      },
      FAULT_LOG_INTERVAL,
      { background: true },
    );
  }
}
