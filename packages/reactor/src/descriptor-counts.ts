/** Words of a thread, a cache line of its own. */
const ROW = 16;
const HELD = 0;
const WAITING = 1;
const REFUSED = 2;

/** How many descriptors something has on each data thread, in memory that all threads read. Each thread writes its own row only. */
export class DescriptorCounts {
  readonly #words: Int32Array;

  static allocate(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * ROW * Int32Array.BYTES_PER_ELEMENT);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Descriptors held now. */
  get held(): number {
    return this.#sum(HELD);
  }

  /** Listeners that leave what comes in their queue now. */
  get waiting(): number {
    return this.#sum(WAITING);
  }

  /** Connects that were refused; only grows, up to a wrap at 2^31. */
  get refused(): number {
    return this.#sum(REFUSED);
  }

  addHeld(thread: number, count: number): void {
    this.#add(thread, HELD, count);
  }

  addWaiting(thread: number, count: number): void {
    this.#add(thread, WAITING, count);
  }

  addRefused(thread: number): void {
    this.#add(thread, REFUSED, 1);
  }

  /** The thread has ended, and what it held is closed. */
  threadEnded(thread: number): void {
    this.#words[thread * ROW + HELD] = 0;
    this.#words[thread * ROW + WAITING] = 0;
  }

  #add(thread: number, word: number, count: number): void {
    const at = thread * ROW + word;
    this.#words[at] = (this.#words[at] ?? 0) + count;
  }

  // A value of another thread may be that of a moment ago: the reserve is large enough for that.
  #sum(word: number): number {
    let sum = 0;
    for (let at = word; at < this.#words.length; at += ROW) sum += this.#words[at] ?? 0;
    return sum;
  }
}
