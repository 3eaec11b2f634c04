/** First in, first out, in a ring that grows by doubling: no garbage in steady state. */
export class Queue<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(64).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item;
    this.#size += 1;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size -= 1;
    return item;
  }

  clear(): void {
    while (this.#size > 0) this.shift();
  }

  #grow(): void {
    const { length } = this.#items;
    const next = new Array<T | undefined>(length * 2).fill(undefined);
    for (let index = 0; index < length; index += 1) next[index] = this.#items[(this.#head + index) & (length - 1)];
    this.#items = next;
    this.#head = 0;
  }
}
