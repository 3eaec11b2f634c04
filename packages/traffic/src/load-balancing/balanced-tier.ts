import type { LoadBalancing } from '../model/served-service.ts';
import { EarliestDeadline } from './earliest-deadline.ts';
import type { EndpointSlot } from './endpoint-slot.ts';
import { MAX_WARMUP_DRAWS } from '../limits.ts';
import type { Warming } from './warming.ts';

/** Endpoints of equal rank and the order in which they are drawn. */
export class BalancedTier {
  readonly slots: readonly EndpointSlot[];
  readonly #kind: LoadBalancing;
  /** Where weights differ and the kind minds them. */
  readonly #schedule: EarliestDeadline | undefined;
  readonly #warming: Warming | undefined;
  #turn: number;

  constructor(slots: readonly EndpointSlot[], kind: LoadBalancing, random: () => number, warming?: Warming) {
    this.slots = slots;
    this.#warming = warming;
    this.#kind = kind;
    const even = slots.every(({ weight }) => weight === slots[0]?.weight);
    this.#schedule =
      even || kind === 'random' ? undefined : new EarliestDeadline(slots, kind === 'least-request', random);
    this.#turn = Math.floor(random() * slots.length);
  }

  draw(random: () => number): EndpointSlot | undefined {
    const warming = this.#warming;
    if (warming?.isOver() !== false) return this.#drawAny(random);
    let slot = this.#drawAny(random);
    // Those that are warm are taken, of the others their share.
    for (let draw = 0; draw < MAX_WARMUP_DRAWS && slot !== undefined; draw++) {
      const warmth = warming.of(slot);
      if (warmth >= 1 || random() < warmth) return slot;
      slot = this.#drawAny(random);
    }
    return slot;
  }

  #drawAny(random: () => number): EndpointSlot | undefined {
    if (this.#schedule !== undefined) return this.#schedule.next();
    switch (this.#kind) {
      case 'least-request':
        return this.#lessBusyOfTwo(random);
      case 'random':
        return this.slots[Math.floor(random() * this.slots.length)];
      case 'round-robin': {
        const slot = this.slots[this.#turn];
        this.#turn = this.#turn + 1 < this.slots.length ? this.#turn + 1 : 0;
        return slot;
      }
    }
  }

  /** Power of two choices, of two different endpoints: of two in all always the less busy one. */
  #lessBusyOfTwo(random: () => number): EndpointSlot | undefined {
    const { slots } = this;
    const first = Math.floor(random() * slots.length);
    const one = slots[first];
    if (slots.length < 2 || one === undefined) return one;
    // One of the others: skipped by shifting what lies at or behind the first.
    const other = Math.floor(random() * (slots.length - 1));
    const two = slots[other < first ? other : other + 1];
    return two !== undefined && two.active < one.active ? two : one;
  }
}
