import { BUCKET_LOCK_WAIT_MS, MAX_PLACE_RACES } from '../limits.ts';
import { BUCKETS, EPOCH, GROUP, HEAD_WORDS, LOCK, SECRET, SHARED } from './bucket-memory.ts';
import type { KeyFingerprint } from './key-hash.ts';

export interface BucketSize {
  /** Requests that a full bucket admits at once. */
  readonly burst: number;
  /** As many tokens come back in each interval. */
  readonly requests: number;
  readonly intervalMs: number;
}

/** What became of one request. */
export interface Taken {
  admitted: boolean;
  /** Requests that would be admitted at once from here on. */
  remaining: number;
  /** Until the next one will be, milliseconds; 0 when admitted. */
  retryAfterMs: number;
  /** Until the bucket is full, milliseconds. */
  fullInMs: number;
  /** There was no bucket for the value: it was taken out of the one that all such values share. */
  shared: boolean;
}

/** How long after one has waited in vain nobody waits for the lock, milliseconds. */
const LOCK_PAUSE_MS = 1_000;

/**
 * The token buckets of one rule, one per value of its key, exact over all data threads. A bucket is the time at which it will be full
 * (GCRA: each token moves it on by the time that brings one back), changed by compare-and-swap in memory that all threads share. One
 * that is full is as good as none, so that its place may go to another value without loss. Where no place is left, values share one
 * bucket of the same size: nobody passes unlimited, and nobody can drop another's bucket, or its own, by sending many values.
 */
export class TokenBuckets {
  readonly #words: Int32Array;
  readonly #times: BigInt64Array;
  readonly #epoch: number;
  readonly #maker: number;
  readonly #now: () => number;
  readonly #groups: number;
  /** Where the two halves of fingerprints begin. */
  readonly #highs: number;
  readonly #lows: number;
  readonly #tokenNs: number;
  readonly #burst: number;
  #lockPauseUntil = 0;
  readonly #taken: Taken = { admitted: true, remaining: 0, retryAfterMs: 0, fullInMs: 0, shared: false };

  /** `now`: milliseconds of the clock that all threads share, and with which the memory was made. */
  constructor(memory: SharedArrayBuffer, thread: number, size: BucketSize, now: () => number) {
    this.#words = new Int32Array(memory);
    this.#times = new BigInt64Array(memory);
    this.#epoch = new Float64Array(memory)[EPOCH] ?? 0;
    this.#maker = thread + 1;
    this.#now = now;
    const buckets = this.#words[BUCKETS] ?? 0;
    this.#groups = buckets / GROUP;
    this.#highs = HEAD_WORDS + buckets * 2;
    this.#lows = this.#highs + buckets;
    // Rounded up, so that no more come back than are asked for.
    this.#tokenNs = Math.ceil((size.intervalMs * 1e6) / size.requests);
    this.#burst = size.burst;
  }

  get secret(): readonly [number, number] {
    return [this.#words[SECRET] ?? 0, this.#words[SECRET + 1] ?? 0];
  }

  /** Takes a token out of the bucket of a value. The same object every time. */
  take(key: KeyFingerprint): Readonly<Taken> {
    const now = this.#nanoseconds();
    this.#taken.shared = false;
    if (this.#groups === 0) return this.#takeShared(now);
    for (let race = 0; race < MAX_PLACE_RACES; race++) {
      let bucket = this.#find(key);
      if (bucket < 0) {
        bucket = this.#make(key, now);
        if (bucket < 0) break;
        if (this.#madeNow) return this.#admitted(now, now + this.#tokenNs);
      }
      const at = HEAD_WORDS / 2 + bucket;
      const full = Atomics.load(this.#times, at);
      // It may have become another value's before that was read.
      if (Atomics.load(this.#words, this.#highs + bucket) !== key.high) continue;
      const taken = this.#takeAt(at, full, now);
      if (taken !== undefined) return taken;
    }
    this.#taken.shared = true;
    return this.#takeShared(now);
  }

  /** What `take` would say now, with everything left as it is. The same object every time. */
  look(key: KeyFingerprint): Readonly<Taken> {
    const now = this.#nanoseconds();
    const bucket = this.#groups === 0 ? -1 : this.#find(key);
    this.#taken.shared = false;
    if (bucket < 0 && this.#groups > 0) return this.#admitted(now, now + this.#tokenNs);
    const full = Number(Atomics.load(this.#times, bucket < 0 ? SHARED : HEAD_WORDS / 2 + bucket));
    const from = Math.max(full, now);
    return from - now > (this.#burst - 1) * this.#tokenNs
      ? this.#refused(now, from)
      : this.#admitted(now, from + this.#tokenNs);
  }

  /** Whether `#make` has taken a token of the bucket that it made. */
  #madeNow = false;

  #takeShared(now: number): Readonly<Taken> {
    for (;;) {
      const taken = this.#takeAt(SHARED, Atomics.load(this.#times, SHARED), now);
      if (taken !== undefined) return taken;
    }
  }

  /** Undefined: another thread was faster. */
  #takeAt(at: number, full: bigint, now: number): Readonly<Taken> | undefined {
    const from = Math.max(Number(full), now);
    if (from - now > (this.#burst - 1) * this.#tokenNs) return this.#refused(now, from);
    const next = from + this.#tokenNs;
    if (Atomics.compareExchange(this.#times, at, full, BigInt(next)) !== full) return undefined;
    return this.#admitted(now, next);
  }

  /** The bucket of a value; -1 when it has none. */
  #find({ high, low }: KeyFingerprint): number {
    const first = low & (this.#groups - 1);
    const found = this.#findIn(first * GROUP, high, low);
    return found >= 0 ? found : this.#findIn(this.#second(first, high) * GROUP, high, low);
  }

  #findIn(from: number, high: number, low: number): number {
    for (let bucket = from; bucket < from + GROUP; bucket++) {
      if (Atomics.load(this.#words, this.#highs + bucket) === high && this.#words[this.#lows + bucket] === low) {
        return bucket;
      }
    }
    return -1;
  }

  /** Never the first one. */
  #second(first: number, high: number): number {
    return first ^ (1 + ((high >>> 4) % (this.#groups - 1)));
  }

  /**
   * Gives a value a bucket, of which it takes a token, unless another thread has made one meanwhile. -1: all places hold buckets
   * that are not full, or whoever has the lock does not go on. One thread at a time, so that no value gets two.
   */
  #make(key: KeyFingerprint, now: number): number {
    this.#madeNow = false;
    if (!this.#lock(now)) return -1;
    const found = this.#find(key);
    const first = key.low & (this.#groups - 1);
    let bucket = found;
    if (bucket < 0) bucket = this.#claim(first * GROUP, key, now);
    if (bucket < 0) bucket = this.#claim(this.#second(first, key.high) * GROUP, key, now);
    this.#madeNow = found < 0 && bucket >= 0;
    Atomics.store(this.#words, LOCK, 0);
    Atomics.notify(this.#words, LOCK, 1);
    return bucket;
  }

  /** Takes a place of the group whose bucket is full. */
  #claim(from: number, { high, low }: KeyFingerprint, now: number): number {
    for (let bucket = from; bucket < from + GROUP; bucket++) {
      const at = HEAD_WORDS / 2 + bucket;
      const full = Atomics.load(this.#times, at);
      if (Number(full) > now) continue;
      const before = Atomics.load(this.#words, this.#highs + bucket);
      // Nobody finds it any more; whoever has found it before has taken a token, or does not get one.
      Atomics.store(this.#words, this.#highs + bucket, 0);
      if (Atomics.compareExchange(this.#times, at, full, BigInt(now + this.#tokenNs)) !== full) {
        Atomics.store(this.#words, this.#highs + bucket, before);
        continue;
      }
      this.#words[this.#lows + bucket] = low;
      Atomics.store(this.#words, this.#highs + bucket, high);
      return bucket;
    }
    return -1;
  }

  /** Who holds it is done within microseconds, unless its thread has ended or the machine has stopped it. */
  #lock(now: number): boolean {
    for (let waited = 0; ; waited++) {
      const holder = Atomics.compareExchange(this.#words, LOCK, 0, this.#maker);
      if (holder === 0) return true;
      if (now < this.#lockPauseUntil) return false;
      if (waited >= BUCKET_LOCK_WAIT_MS) {
        this.#lockPauseUntil = now + LOCK_PAUSE_MS * 1e6;
        return false;
      }
      Atomics.wait(this.#words, LOCK, holder, 1);
    }
  }

  #nanoseconds(): number {
    return Math.max(0, Math.floor((this.#now() - this.#epoch) * 1e6));
  }

  #admitted(now: number, full: number): Readonly<Taken> {
    const taken = this.#taken;
    taken.admitted = true;
    taken.remaining = Math.max(0, Math.floor(this.#burst - (full - now) / this.#tokenNs));
    taken.retryAfterMs = 0;
    taken.fullInMs = (full - now) / 1e6;
    return taken;
  }

  #refused(now: number, full: number): Readonly<Taken> {
    const taken = this.#taken;
    taken.admitted = false;
    taken.remaining = 0;
    taken.retryAfterMs = (full - now - (this.#burst - 1) * this.#tokenNs) / 1e6;
    taken.fullInMs = (full - now) / 1e6;
    return taken;
  }
}
