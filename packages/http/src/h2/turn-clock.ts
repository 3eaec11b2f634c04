/** Milliseconds of a monotonic clock, read once per turn; a reactor is one. */
export interface TurnClock {
  readonly now: number;
}
