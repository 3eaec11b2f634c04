/**
 * A set through which many short-lived members go. Each knows its place, in the property `key` that only the roster writes and
 * that is -1 outside of it, so that joining and leaving allocate nothing; the tables of a `Set` would keep members that left
 * alive for a generational collector.
 */
export class Roster<Key extends string, Member extends Record<Key, number>> {
  readonly #key: Key;
  readonly #members: Member[] = [];

  constructor(key: Key) {
    this.#key = key;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Idempotent. */
  add(member: Member): void {
    const seat: Record<Key, number> = member;
    if (seat[this.#key] >= 0) return;
    seat[this.#key] = this.#members.push(member) - 1;
  }

  /** Idempotent. */
  delete(member: Member): void {
    const seat: Record<Key, number> = member;
    const place = seat[this.#key];
    if (place < 0) return;
    seat[this.#key] = -1;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[place] = last;
    const lastSeat: Record<Key, number> = last;
    lastSeat[this.#key] = place;
  }

  /** The members at this moment, as a list of its own. */
  list(): Member[] {
    return [...this.#members];
  }
}
