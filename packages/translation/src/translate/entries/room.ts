/** So many different things for each namespace; the first that come have the room. */
export class Room {
  readonly #most: number;
  readonly #taken = new Map<string, Set<string>>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether there is room for something of a namespace, or it has it already. */
  admit(namespace: string, what: string): boolean {
    const taken = this.#taken.get(namespace) ?? new Set();
    this.#taken.set(namespace, taken);
    if (!taken.has(what) && taken.size >= this.#most) return false;
    taken.add(what);
    return true;
  }
}
