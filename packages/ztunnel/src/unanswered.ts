/** Connections of one data thread that may wait for an answer at a time and still be saved; more are not noted. */
export const UNANSWERED_SLOTS = 4_096;

const WORDS = 2;

/** Where a connection was accepted. */
export type AcceptedAt = 'outbound' | 'plaintext';

/** A connection that a thread has accepted and of which it has not read a byte. */
export interface Unanswered {
  readonly fd: number;
  /** Number of the pod, see `Pod.number`. */
  readonly pod: number;
  readonly acceptedAt: AcceptedAt;
}

/**
 * Notes, in memory that the control side sees, which accepted connections are still untouched. When the thread dies
 * they are not lost: another thread starts them again, and their clients have only waited.
 */
export class UnansweredConnections {
  readonly #words: Int32Array;
  readonly #free: number[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    for (let slot = UNANSWERED_SLOTS - 1; slot >= 0; slot -= 1) this.#free.push(slot);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(UNANSWERED_SLOTS * WORDS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** The slot to hand to `clear`; -1 when all are taken. */
  note(connection: Unanswered): number {
    const slot = this.#free.pop();
    if (slot === undefined) return -1;
    this.#words[slot * WORDS + 1] = connection.pod * 2 + (connection.acceptedAt === 'outbound' ? 0 : 1);
    // Last, because an entry counts as soon as it names a descriptor.
    Atomics.store(this.#words, slot * WORDS, connection.fd + 1);
    return slot;
  }

  /** The connection gets an answer or is closed; to be called before either. */
  clear(slot: number): void {
    if (slot < 0) return;
    Atomics.store(this.#words, slot * WORDS, 0);
    this.#free.push(slot);
  }

  /** What a dead thread has left untouched; for the control side. */
  static read(memory: SharedArrayBuffer): Unanswered[] {
    const words = new Int32Array(memory);
    const found: Unanswered[] = [];
    for (let slot = 0; slot < UNANSWERED_SLOTS; slot += 1) {
      const fd = Atomics.load(words, slot * WORDS) - 1;
      const origin = words[slot * WORDS + 1] ?? 0;
      if (fd >= 0) found.push({ fd, pod: origin >> 1, acceptedAt: origin % 2 === 0 ? 'outbound' : 'plaintext' });
    }
    return found;
  }
}
