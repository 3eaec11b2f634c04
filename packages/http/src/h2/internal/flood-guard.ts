import {
  IDLE_FRAME_LIMIT,
  IDLE_FRAMES_EARNED,
  PING_LIMIT,
  RESET_LIMIT,
  SETTINGS_LIMIT,
  WINDOW_UPDATE_LIMIT,
  WINDOW_UPDATES_EARNED,
} from '../../limits.ts';
import { Http2ConnectionError } from '../errors.ts';
import { ErrorCode } from '../frames.ts';
import type { TurnClock } from '../turn-clock.ts';
import { RateBudget } from './rate-budget.ts';

/** Counts what costs us work and the peer nothing. Each method throws Http2ConnectionError (ENHANCE_YOUR_CALM) when it is too much. */
export class FloodGuard {
  readonly #clock: TurnClock;
  readonly #resets: RateBudget;
  readonly #pings: RateBudget;
  readonly #settings: RateBudget;
  readonly #idle: RateBudget;
  readonly #windowUpdates: RateBudget;

  constructor(clock: TurnClock) {
    this.#clock = clock;
    this.#resets = new RateBudget(RESET_LIMIT, clock.now);
    this.#pings = new RateBudget(PING_LIMIT, clock.now);
    this.#settings = new RateBudget(SETTINGS_LIMIT, clock.now);
    this.#idle = new RateBudget(IDLE_FRAME_LIMIT, clock.now);
    this.#windowUpdates = new RateBudget(WINDOW_UPDATE_LIMIT, clock.now);
  }

  /** A stream ended by a reset before it was answered, or by one that the peer provoked. */
  reset(): void {
    if (!this.#resets.spend(this.#clock.now)) throw calm('too many streams end by resets');
  }

  ping(): void {
    if (!this.#pings.spend(this.#clock.now)) throw calm('too many PING frames');
  }

  settings(): void {
    if (!this.#settings.spend(this.#clock.now)) throw calm('too many SETTINGS frames');
  }

  /** A frame that carries nothing. */
  idleFrame(): void {
    if (!this.#idle.spend(this.#clock.now)) throw calm('too many frames that carry nothing');
  }

  /** A stream ended: what crossed its end is no fault of the peer. */
  earnIdleFrames(): void {
    this.#idle.earn(IDLE_FRAMES_EARNED);
  }

  windowUpdate(): void {
    if (!this.#windowUpdates.spend(this.#clock.now)) throw calm('too many WINDOW_UPDATE frames');
  }

  /** We sent something that a peer answers with WINDOW_UPDATE. */
  earnWindowUpdates(): void {
    this.#windowUpdates.earn(WINDOW_UPDATES_EARNED);
  }
}

function calm(problem: string): Http2ConnectionError {
  return new Http2ConnectionError(ErrorCode.enhanceYourCalm, `${problem} within a short time`);
}
