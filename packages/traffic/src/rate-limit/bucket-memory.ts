// Of one rule: a head, when each bucket will be full, and whose bucket it is.

/** Words of 32 bits of the head, a cache line. */
export const HEAD_WORDS = 16;

/** Who makes buckets: 0 is nobody, else one more than the number of the data thread. */
export const LOCK = 0;
/** Two words of secret for the hash of keys. */
export const SECRET = 1;
/** Buckets of values, 0 for a rule without key. */
export const BUCKETS = 3;
/** In numbers of 64 bits: when the bucket will be full that is nobody's in particular. */
export const SHARED = 2;
/** In numbers of 64 bits: the time from which all others count, milliseconds of the clock that all threads share. */
export const EPOCH = 3;

/** Where a value's bucket may stand: one of so many in each of two groups. */
export const GROUP = 8;

export interface BucketMemoryOptions {
  /** Values that are to have a bucket of their own at once; 0: there is one bucket for all. */
  readonly keys: number;
  /** Milliseconds of the clock that all threads share. */
  readonly now: number;
  /** 64 bits that nobody can guess. */
  readonly secret: readonly [number, number];
}

/** Memory of the buckets of one rule, all full, as it goes to all data threads. Twice the buckets that are asked for: the groups of no value fill up before. */
export function allocateBuckets({ keys, now, secret }: BucketMemoryOptions): SharedArrayBuffer {
  const buckets = keys === 0 ? 0 : Math.max(2 * GROUP, 2 ** Math.ceil(Math.log2(2 * keys)));
  const memory = new SharedArrayBuffer(HEAD_WORDS * 4 + buckets * 16);
  const words = new Int32Array(memory);
  words[SECRET] = secret[0];
  words[SECRET + 1] = secret[1];
  words[BUCKETS] = buckets;
  new Float64Array(memory)[EPOCH] = now;
  return memory;
}

/** A data thread is gone: it makes no buckets any more. */
export function makerEnded(memory: SharedArrayBuffer, thread: number): void {
  const words = new Int32Array(memory);
  if (Atomics.compareExchange(words, LOCK, thread + 1, 0) === thread + 1) Atomics.notify(words, LOCK);
}

/** Buckets that are not full at a moment, and how many there may be. */
export function bucketsInUse(
  memory: SharedArrayBuffer,
  now: number,
): { readonly inUse: number; readonly buckets: number } {
  const buckets = new Int32Array(memory)[BUCKETS] ?? 0;
  const times = new BigInt64Array(memory);
  const nanoseconds = (now - (new Float64Array(memory)[EPOCH] ?? 0)) * 1e6;
  let inUse = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    if (Number(Atomics.load(times, HEAD_WORDS / 2 + bucket)) > nanoseconds) inUse++;
  }
  return { inUse, buckets };
}
