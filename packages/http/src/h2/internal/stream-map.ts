import type { Http2Stream } from '../stream.ts';

/** The streams of a connection that are not over. */
export interface OpenStreams<Owner> {
  readonly size: number;
  get(id: number): Http2Stream<Owner> | undefined;
  /** A list of its own, in the order of ids, that stays what it is when streams come and go. */
  values(): Http2Stream<Owner>[];
}

const INITIAL_CAPACITY = 16;

/**
 * Streams by id, open addressing with linear probing. A `Map` that entries go through keeps making new tables, and the old
 * ones, which lead to the next and still name their entries, let a generational collector keep streams that are long over.
 */
export class StreamMap<Owner> implements OpenStreams<Owner> {
  size = 0;
  #slots: (Http2Stream<Owner> | undefined)[] = emptySlots(INITIAL_CAPACITY);
  #mask: number = INITIAL_CAPACITY - 1;

  get(id: number): Http2Stream<Owner> | undefined {
    const slots = this.#slots;
    for (let at = this.#home(id); ; at = (at + 1) & this.#mask) {
      const stream = slots[at];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** Adds a stream whose id is not there yet. */
  add(stream: Http2Stream<Owner>): void {
    this.size += 1;
    if (this.size * 2 > this.#slots.length) this.#grow();
    this.#put(stream);
  }

  delete(id: number): void {
    const slots = this.#slots;
    let hole = this.#home(id);
    while (slots[hole]?.id !== id) {
      if (slots[hole] === undefined) return;
      hole = (hole + 1) & this.#mask;
    }
    this.size -= 1;
    // What stands behind moves up unless it would leave the way from its home, so that no way is interrupted.
    for (let at = (hole + 1) & this.#mask; ; at = (at + 1) & this.#mask) {
      const stream = slots[at];
      if (stream === undefined) break;
      const distance = (at - this.#home(stream.id)) & this.#mask;
      if (distance < ((at - hole) & this.#mask)) continue;
      slots[hole] = stream;
      hole = at;
    }
    slots[hole] = undefined;
  }

  values(): Http2Stream<Owner>[] {
    return this.#slots.filter((stream) => stream !== undefined).sort((a, b) => a.id - b.id);
  }

  /** Ids are chosen by the peer: the multiplication spreads those that are equal in their low bits. */
  #home(id: number): number {
    return (Math.imul(id, 0x9e37_79b1) >>> 16) & this.#mask;
  }

  #put(stream: Http2Stream<Owner>): void {
    let at = this.#home(stream.id);
    while (this.#slots[at] !== undefined) at = (at + 1) & this.#mask;
    this.#slots[at] = stream;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = emptySlots(before.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const stream of before) if (stream !== undefined) this.#put(stream);
  }
}

function emptySlots<Owner>(capacity: number): (Http2Stream<Owner> | undefined)[] {
  return new Array<Http2Stream<Owner> | undefined>(capacity).fill(undefined);
}
