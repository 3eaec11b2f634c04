/** Powers of two that are told apart: those below 2^31, and one for all above. */
const POWERS = 33;
const HIGHEST = 4_294_967_295;

/** Finds the bucket of a value: from a first bound that its power of two leads to, usually one or two comparisons. */
export class BucketSearch {
  readonly #bounds: Float64Array;
  /** By the number of bits of the value, rounded down: the first bucket that it can be in. */
  readonly #first: Uint8Array = new Uint8Array(POWERS);

  /** `bounds` are the upper bounds of buckets in rising order, at most 255; what is above all of them is in one more bucket. */
  constructor(bounds: readonly number[]) {
    this.#bounds = Float64Array.from([...bounds, Number.POSITIVE_INFINITY]);
    for (let bits = 1; bits < POWERS; bits += 1) {
      const least = 2 ** (bits - 1);
      this.#first[bits] = this.#bounds.findIndex((bound) => least <= bound);
    }
  }

  /** The index of the first bound that is not below `value`; the number of bounds if there is none. */
  find(value: number): number {
    // What is negative or no number counts as 0.
    const whole = value > 0 ? (value < HIGHEST ? value >>> 0 : HIGHEST) : 0;
    let bucket = this.#first[32 - Math.clz32(whole)] ?? 0;
    while (value > (this.#bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    return bucket;
  }
}
