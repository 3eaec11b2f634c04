import { createHash } from 'node:crypto';
import { WATCHED_ENDPOINTS } from '../limits.ts';

// Words of the header, a cache line.
const LOCK = 0;
/** The number of a Float64. */
const LATEST = 1;
const HEADER = 16;

// Words of a record, a cache line.
const RECORD = 16;
/** One bit for each data thread that knows the endpoint; 0: free. */
const OWNERS = 0;
const KEY = 1;
const KEY_REST = 2;
const EJECTIONS = 6;
/** The first word of a Float64. */
const UNTIL = 8;

/** Failures in a row of an endpoint. */
export const Run = { any5xx: 3, gateway: 4, localOrigin: 5 } as const;
export type Run = (typeof Run)[keyof typeof Run];

/** Turns of a wait for a lock that is held for microseconds. */
const LOCK_TURNS = 100_000;

/**
 * What all data threads know together of the endpoints of one cluster, by the digests of their uids: a thread finds a record, or makes
 * it, when it hears of an endpoint, and lets go of it when the endpoint is gone. What nobody holds is free.
 */
export class EndpointRecords {
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #thread: number;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer((HEADER + WATCHED_ENDPOINTS * RECORD) * Int32Array.BYTES_PER_ELEMENT);
  }

  static threadEnded(memory: SharedArrayBuffer, thread: number): void {
    const words = new Int32Array(memory);
    Atomics.compareExchange(words, LOCK, thread + 1, 0);
    const records = new EndpointRecords(memory, thread);
    records.locked(() => {
      for (let record = HEADER; record < words.length; record += RECORD) records.#letGo(record);
    });
  }

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#words = new Int32Array(memory);
    this.#times = new Float64Array(memory);
    this.#thread = thread;
  }

  /** The record of an endpoint; undefined when there is no room for another. */
  hold(uid: string): number | undefined {
    const digest = createHash('sha256').update(uid).digest();
    const [key, rest] = [digest.readInt32LE(0), digest.readInt32LE(4)];
    return this.locked(() => {
      const words = this.#words;
      const first = (key >>> 0) % WATCHED_ENDPOINTS;
      let free: number | undefined;
      for (let step = 0; step < WATCHED_ENDPOINTS; step++) {
        const record = HEADER + ((first + step) % WATCHED_ENDPOINTS) * RECORD;
        if (words[record + OWNERS] === 0) {
          free ??= record;
          // Never used: nobody has gone past it.
          if (words[record + KEY] === 0 && words[record + KEY_REST] === 0) break;
        } else if (words[record + KEY] === key && words[record + KEY_REST] === rest) {
          Atomics.or(words, record + OWNERS, this.#bit);
          return record;
        }
      }
      if (free === undefined) return undefined;
      words.fill(0, free, free + RECORD);
      words[free + KEY] = key;
      words[free + KEY_REST] = rest;
      Atomics.store(words, free + OWNERS, this.#bit);
      return free;
    });
  }

  letGo(record: number): void {
    this.locked(() => {
      this.#letGo(record);
    });
  }

  /** One failure more in a row; how many they are. */
  failed(record: number, run: Run): number {
    return Atomics.add(this.#words, record + run, 1) + 1;
  }

  /** The row has ended. */
  ended(record: number, run: Run): void {
    if (this.#words[record + run] !== 0) Atomics.store(this.#words, record + run, 0);
  }

  /** How often it was ejected, as far as that counts. */
  ejections(record: number): number {
    return this.#words[record + EJECTIONS] ?? 0;
  }

  /** Until when it is out; 0: it never was. */
  until(record: number): number {
    return this.#times[(record + UNTIL) >> 1] ?? 0;
  }

  /** Within `locked`. */
  eject(record: number, ejections: number, until: number): void {
    this.#words[record + EJECTIONS] = ejections;
    this.#times[(record + UNTIL) >> 1] = until;
    this.#times[LATEST] = Math.max(this.latest, until);
  }

  /** When the last of them is in again; 0: none was out. */
  get latest(): number {
    return this.#times[LATEST] ?? 0;
  }

  /** How many are out. */
  countOut(now: number): number {
    let out = 0;
    for (let record = HEADER; record < this.#words.length; record += RECORD) {
      if (this.#words[record + OWNERS] !== 0 && this.until(record) > now) out++;
    }
    return out;
  }

  /** Runs alone; undefined when that was not to be had. */
  locked<Result>(run: () => Result): Result | undefined {
    for (let turn = 0; turn < LOCK_TURNS; turn++) {
      if (Atomics.compareExchange(this.#words, LOCK, 0, this.#thread + 1) !== 0) continue;
      try {
        return run();
      } finally {
        Atomics.store(this.#words, LOCK, 0);
      }
    }
    return undefined;
  }

  get #bit(): number {
    return 1 << this.#thread;
  }

  #letGo(record: number): void {
    Atomics.and(this.#words, record + OWNERS, ~this.#bit);
  }
}
