import type { Warmup } from '../model/served-service.ts';
import type { EndpointSlot } from './endpoint-slot.ts';

/** How much of their share endpoints get that have come a short while ago (Envoy's slow start). */
export class Warming {
  readonly #policy: Warmup;
  readonly #now: () => number;
  /** When the youngest one is warm. */
  readonly #end: number;

  /** `now`: milliseconds. */
  constructor(slots: readonly EndpointSlot[], policy: Warmup, now: () => number) {
    this.#policy = policy;
    this.#now = now;
    this.#end =
      slots.reduce((latest, { since }) => Math.max(latest, since), Number.NEGATIVE_INFINITY) + policy.durationMs;
  }

  isOver(): boolean {
    return this.#end <= this.#now();
  }

  /** 0 to 1, or more. */
  of({ since }: EndpointSlot): number {
    const { durationMs, minimumPercent, aggression } = this.#policy;
    const age = Math.max(0, this.#now() - since) / durationMs;
    return Math.max(minimumPercent / 100, age ** (1 / aggression));
  }
}
