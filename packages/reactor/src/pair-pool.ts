import type { Ledger } from '@ambit/native/ledger';
import { HANDLE_BIO } from '@ambit/native/openssl-handle';
import { type BioPair, freeBioPair, newBioPair } from '@ambit/native/tls-session';
import { OUTPUT_BUFFER_BYTES, PAIRS_KEPT, PAIR_IDLE_MS } from './limits.ts';
import type { Reactor } from './reactor.ts';

/** A pair as the pool lends it, with its places in the ledger. */
export interface LentPair extends BioPair {
  readonly writeSlot: number;
  readonly readSlot: number;
}

/** A connection that holds a pair. */
export interface PairHolder {
  /** Gives the pair back if it was not used since the last call. */
  dropIdlePair(): void;
}

// All of an output buffer as records: 22 bytes more per 16 KiB, and a little for messages of the protocol itself.
const PAIR_BYTES = OUTPUT_BUFFER_BYTES + 16_384;

const pools = new WeakMap<Reactor, PairPool>();

/**
 * The pairs of a loop into which its TLS connections encrypt. A busy connection keeps its pair from turn to turn; one
 * that was idle for `PAIR_IDLE_MS` gives it back, so that open connections cost no buffers.
 */
export class PairPool {
  readonly #reactor: Reactor;
  readonly #ledger: Ledger;
  readonly #free: LentPair[] = [];
  readonly #holders = new Set<PairHolder>();
  #sweeping = false;

  static of(reactor: Reactor): PairPool {
    let pool = pools.get(reactor);
    if (pool === undefined) {
      pool = new PairPool(reactor);
      pools.set(reactor, pool);
    }
    return pool;
  }

  private constructor(reactor: Reactor) {
    this.#reactor = reactor;
    this.#ledger = reactor.ledger;
  }

  /** Pairs that connections hold now. */
  get lent(): number {
    return this.#holders.size;
  }

  /** Pairs that wait to be used again. */
  get free(): number {
    return this.#free.length;
  }

  lend(holder: PairHolder): LentPair {
    const pair = this.#free.pop() ?? this.#make();
    this.#holders.add(holder);
    this.#sweepLater();
    return pair;
  }

  /** `empty` tells whether the pair may be used by another connection; one that still holds bytes is freed. */
  giveBack(holder: PairHolder, pair: LentPair, empty: boolean): void {
    this.#holders.delete(holder);
    if (empty && this.#free.length < PAIRS_KEPT) {
      this.#free.push(pair);
      return;
    }
    this.#end(pair);
  }

  /** Frees the pairs that wait to be used again. */
  dropFree(): void {
    for (const pair of this.#free.splice(0)) this.#end(pair);
  }

  #end(pair: LentPair): void {
    this.#ledger.removeObject(pair.writeSlot);
    this.#ledger.removeObject(pair.readSlot);
    freeBioPair(pair);
  }

  #make(): LentPair {
    const { writeEnd, readEnd } = newBioPair(PAIR_BYTES);
    const writeSlot = this.#ledger.addObject(HANDLE_BIO, writeEnd);
    const readSlot = this.#ledger.addObject(HANDLE_BIO, readEnd);
    return { writeEnd, readEnd, writeSlot, readSlot };
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#reactor.after(PAIR_IDLE_MS, () => {
      this.#sweeping = false;
      for (const holder of this.#holders) holder.dropIdlePair();
      if (this.#holders.size > 0) this.#sweepLater();
    });
  }
}
