import type { EndpointSlot } from './endpoint-slot.ts';

/**
 * Weighted round robin that spreads each endpoint's turns evenly: every endpoint has a deadline, the earliest is taken and
 * moves on by the inverse of its weight (earliest deadline first, as Envoy schedules). `byLoad` divides the weight by the
 * requests under way plus one at the time of its turn, which makes it weighted least request. A binary heap; a turn costs
 * O(log n) and allocates nothing.
 */
export class EarliestDeadline {
  readonly #slots: readonly EndpointSlot[];
  readonly #byLoad: boolean;
  readonly #heap: Int32Array;
  readonly #deadlines: Float64Array;

  /** `random` puts every endpoint at a random point of its first round, so that threads do not move in step. */
  constructor(slots: readonly EndpointSlot[], byLoad: boolean, random: () => number) {
    this.#slots = slots;
    this.#byLoad = byLoad;
    this.#heap = Int32Array.from(slots.keys());
    this.#deadlines = Float64Array.from(slots, ({ weight }) => random() / weight);
    for (let at = (slots.length >> 1) - 1; at >= 0; at--) this.#siftDown(at);
  }

  /** The endpoint whose turn it is; undefined without any. */
  next(): EndpointSlot | undefined {
    const index = this.#heap[0];
    const slot = index === undefined ? undefined : this.#slots[index];
    if (index === undefined || slot === undefined) return undefined;
    const weight = this.#byLoad ? slot.weight / (slot.active + 1) : slot.weight;
    this.#deadlines[index] = (this.#deadlines[index] ?? 0) + 1 / weight;
    this.#siftDown(0);
    return slot;
  }

  #siftDown(from: number): void {
    const heap = this.#heap;
    const moving = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#deadline(heap[child + 1]) < this.#deadline(heap[child])) child++;
      if (this.#deadline(heap[child]) >= this.#deadline(moving)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = moving;
  }

  #deadline(index: number | undefined): number {
    return this.#deadlines[index ?? 0] ?? 0;
  }
}
