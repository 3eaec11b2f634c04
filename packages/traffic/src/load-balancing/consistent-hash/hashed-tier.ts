import { formatSocketAddress } from '@ambit/core/address';
import { MAX_HASH_STEPS } from '../../limits.ts';
import type { HashTableSize } from '../../model/served-service.ts';
import type { EndpointSlot } from '../endpoint-slot.ts';
import type { Hash64 } from './hash64.ts';
import { buildHashRing } from './hash-ring.ts';
import type { HashMember, HashTable, HashTableBuild } from './hash-table.ts';
import { buildMaglevTable } from './maglev-table.ts';

/** A table and whom its owners stand for. */
interface Ready {
  readonly table: HashTable;
  readonly slots: readonly EndpointSlot[];
}

interface NamedSlot extends HashMember {
  readonly slot: EndpointSlot;
}

/** Runs something soon, in a turn of its own. */
export type Later = (run: () => void) => void;

/**
 * Endpoints of equal rank, each key always with the same one. The table is made when it is first needed; when endpoints have changed
 * a new one is made piece by piece, and until it is there the last one is used, less those who are gone.
 */
export class HashedTier {
  readonly #slots: readonly EndpointSlot[];
  readonly #members: readonly NamedSlot[];
  readonly #size: HashTableSize;
  readonly #later: Later | undefined;
  #ready: Ready | undefined;
  /** Until the table is that of its endpoints. */
  #build: HashTableBuild | undefined;
  #present: ReadonlySet<EndpointSlot> | undefined;

  private constructor(members: readonly NamedSlot[], size: HashTableSize, later: Later | undefined) {
    this.#members = members;
    this.#slots = members.map(({ slot }) => slot);
    this.#size = size;
    this.#later = later;
  }

  /**
   * `later` undefined: tables are made at once. `before`: those of all ranks before, which endpoints may have left for another; one
   * of them if nothing of it has changed.
   */
  static of(
    slots: readonly EndpointSlot[],
    size: HashTableSize,
    later: Later | undefined,
    before: readonly HashedTier[],
  ): HashedTier {
    // In one order everywhere, so that every thread and every proxy comes to the same table.
    const members = slots
      .map((slot) => ({ slot, name: nameOf(slot), weight: slot.weight }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const alike = before.filter((one) => isSameSize(one.#size, size));
    const same = alike.find((one) => isSameList(one.#members, members));
    if (same !== undefined) return same;
    const tier = new HashedTier(members, size, later);
    const previous = tier.#nearest(alike);
    if (previous !== undefined) tier.#follow(previous);
    return tier;
  }

  /** With which it has most endpoints in common; undefined: none, so that the table of none would lead anywhere. */
  #nearest(others: readonly HashedTier[]): HashedTier | undefined {
    const own = new Set(this.#slots);
    let [most, nearest]: [number, HashedTier | undefined] = [0, undefined];
    for (const other of others) {
      const common = other.#slots.filter((slot) => own.has(slot)).length;
      if (common > most) [most, nearest] = [common, other];
    }
    return nearest;
  }

  /** The endpoint of a key, or who stands in for it: the next one that is usable. Undefined: none is. */
  find(hash: Hash64, isUsable: (slot: EndpointSlot) => boolean): EndpointSlot | undefined {
    const { table, slots } = this.#ready ?? this.#make();
    const { owners } = table;
    const first = owners.length === 0 ? 0 : table.placeOf(hash);
    const steps = Math.min(owners.length, MAX_HASH_STEPS);
    let before: EndpointSlot | undefined;
    for (let step = 0; step < steps; step++) {
      const slot = slots[owners[(first + step) % owners.length] ?? 0];
      if (slot === undefined || slot === before) continue;
      if (this.#present?.has(slot) !== false && isUsable(slot)) return slot;
      before = slot;
    }
    return this.#slots.find((slot) => isUsable(slot));
  }

  #follow(previous: HashedTier): void {
    const later = this.#later;
    if (later === undefined || previous.#ready === undefined) return;
    this.#ready = previous.#ready;
    this.#present = new Set(this.#slots);
    // Nobody waits for the one before.
    previous.#build = undefined;
    const build = this.#begin();
    this.#build = build;
    const advance = (): void => {
      if (this.#build !== build) return;
      const { done, value } = build.next();
      if (done === true) this.#finish(value);
      else later(advance);
    };
    later(advance);
  }

  #begin(): HashTableBuild {
    const { kind, size } = this.#size;
    return kind === 'maglev' ? buildMaglevTable(this.#members, size) : buildHashRing(this.#members, size);
  }

  /** Nobody can wait for the first one. */
  #make(): Ready {
    const build = this.#begin();
    for (;;) {
      const { done, value } = build.next();
      if (done === true) return this.#finish(value);
    }
  }

  #finish(table: HashTable): Ready {
    this.#build = undefined;
    this.#present = undefined;
    this.#ready = { table, slots: this.#slots };
    return this.#ready;
  }
}

/** Its address; a name that nobody has resolved stands for itself. */
function nameOf({ uid, endpoint: { workload, port } }: EndpointSlot): string {
  const [ip] = workload.addresses;
  return ip === undefined ? uid : formatSocketAddress({ ip, port });
}

function isSameSize(one: HashTableSize, two: HashTableSize): boolean {
  return one.kind === two.kind && one.size === two.size;
}

function isSameList(some: readonly NamedSlot[], others: readonly NamedSlot[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ slot, name, weight }, index) => {
      const other = others[index];
      return other?.slot === slot && other.name === name && other.weight === weight;
    })
  );
}
