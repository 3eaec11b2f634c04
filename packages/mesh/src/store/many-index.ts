/** An index whose keys may belong to several values; the newest comes first. Most keys have one value and cost no list. */
export class ManyIndex<Value extends object> {
  readonly #byKey = new Map<string, Value | Value[]>();

  add(key: string, value: Value): void {
    const present = this.#byKey.get(key);
    if (present === undefined) this.#byKey.set(key, value);
    else if (Array.isArray(present)) present.unshift(value);
    else this.#byKey.set(key, [value, present]);
  }

  remove(key: string, value: Value): void {
    const present = this.#byKey.get(key);
    if (Array.isArray(present)) {
      const left = present.filter((other) => other !== value);
      const [last] = left;
      if (last === undefined) this.#byKey.delete(key);
      else this.#byKey.set(key, left.length === 1 ? last : left);
    } else if (present === value) {
      this.#byKey.delete(key);
    }
  }

  /** The value that was added last; undefined when there is none. */
  newest(key: string): Value | undefined {
    const present = this.#byKey.get(key);
    return Array.isArray(present) ? present[0] : present;
  }

  /** All values of a key, the newest first. */
  all(key: string): readonly Value[] {
    const present = this.#byKey.get(key);
    if (present === undefined) return [];
    return Array.isArray(present) ? present : [present];
  }

  get size(): number {
    return this.#byKey.size;
  }
}
