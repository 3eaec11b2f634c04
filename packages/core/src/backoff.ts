export interface Backoff {
  /** The first delay, milliseconds. */
  readonly first: number;
  /** No delay is longer, jitter included, milliseconds. */
  readonly longest: number;
  /** Each delay is moved by up to this part of it, either way, so that nodes do not fall into step. */
  readonly jitter: number;
}

/** The delay after the nth failure in a row (n from 1), milliseconds: doubled each time. `random` in [0, 1) is for the jitter. */
export function backoffDelay({ first, longest, jitter }: Backoff, failures: number, random: number): number {
  const doubled = first * 2 ** Math.min(Math.max(failures - 1, 0), 30);
  return Math.min(doubled, longest / (1 + jitter)) * (1 - jitter + 2 * jitter * random);
}
