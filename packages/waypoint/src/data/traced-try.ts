import type { FieldList } from '@ambit/http/h2/message-fields';
import type { RequestTrace } from './request-trace.ts';

/** The span of one try. */
export class TracedTry {
  readonly #trace: RequestTrace;
  readonly #clock: { readonly now: number };
  readonly #span: string;
  readonly #startedAt: number;
  readonly #epoch: number;
  readonly #tags: readonly (string | undefined)[];
  #status: string | undefined;
  #over = false;

  /** `clock` in milliseconds, which began `epoch` milliseconds after 1970. */
  constructor(
    trace: RequestTrace,
    clock: { readonly now: number },
    epoch: number,
    tags: readonly (string | undefined)[],
  ) {
    this.#trace = trace;
    this.#clock = clock;
    this.#span = trace.trySpan();
    this.#startedAt = clock.now;
    this.#epoch = epoch;
    this.#tags = tags;
  }

  /** The head that the endpoint gets. */
  head(head: FieldList): FieldList {
    return this.#trace.headOf(head, this.#span);
  }

  responded(status: number): void {
    this.#status = String(status);
  }

  /** Idempotent. `failure`: why there is no whole answer. */
  end(failure?: string): void {
    if (this.#over) return;
    this.#over = true;
    const [, , , cluster = ''] = this.#tags;
    this.#trace.endTry(this.#span, {
      name: `router ${cluster} egress`,
      startTime: this.#epoch + this.#startedAt,
      duration: this.#clock.now - this.#startedAt,
      failed: failure !== undefined || Number(this.#status ?? 0) >= 500,
      tags: [...this.#tags, 'http.status_code', this.#status, 'error.message', failure],
    });
  }
}
