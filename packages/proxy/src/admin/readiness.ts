import type { Answer } from './http-listener.ts';

/**
 * Whether this proxy can serve the node. Only what concerns the whole node counts: one pod that cannot be served is a
 * metric and a log line, not a reason to take the node out of service.
 */
export class Readiness {
  readonly #waiting: Set<string>;
  readonly #threads: () => readonly number[];
  readonly #stallAfter: number;
  readonly #notes: string[] = [];

  /** `parts` must each be reported once; `heartbeatAges` gives milliseconds since each data thread turned its loop. */
  constructor(parts: readonly string[], heartbeatAges: () => readonly number[], stallAfter: number) {
    this.#waiting = new Set(parts);
    this.#threads = heartbeatAges;
    this.#stallAfter = stallAfter;
  }

  done(part: string): void {
    this.#waiting.delete(part);
  }

  lost(part: string): void {
    this.#waiting.add(part);
  }

  /** Says something with every answer that does not keep the proxy from serving. */
  note(text: string): void {
    this.#notes.push(text);
  }

  /** What is missing, in words; empty when ready. */
  missing(): string[] {
    const stalled = this.#threads().flatMap((age, index) =>
      age > this.#stallAfter ? [`data thread ${index} has not turned for ${Math.round(age)} ms`] : [],
    );
    return [...this.#waiting, ...stalled];
  }

  answer(): Answer {
    const missing = this.missing();
    return {
      status: missing.length === 0 ? 200 : 503,
      body: `${JSON.stringify({ ready: missing.length === 0, missing, ...this.#said() })}\n`,
    };
  }

  #said(): { readonly notes?: readonly string[] } {
    return this.#notes.length === 0 ? {} : { notes: this.#notes };
  }
}
