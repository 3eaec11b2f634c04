import type { Page } from './status-server.ts';

/** Whether the agent does what it is for, and what it waits for when not. */
export class Readiness {
  #waiting: string | undefined = 'the node to be looked at';
  #problem: () => string | undefined = () => undefined;

  /** What a start is at. */
  await(what: string): void {
    this.#waiting = what;
  }

  /** The start is over; from now on it is ready as long as `problem` says nothing. */
  follow(problem: () => string | undefined): void {
    this.#waiting = undefined;
    this.#problem = problem;
  }

  pages(): Record<string, Page> {
    const page: Page = () => {
      const why = this.#waiting === undefined ? this.#problem() : `waiting for ${this.#waiting}`;
      return why === undefined ? { status: 200, text: 'ready\n' } : { status: 503, text: `${why}\n` };
    };
    return { '/readyz': page, '/healthz': page };
  }
}
