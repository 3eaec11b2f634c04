/** How many out-of-order bytes a direction may keep; beyond it the direction counts as not followed. */
const MAX_PENDING = 4 * 1_048_576;

/** Puts the payload of one direction of a TCP connection into order, from its SYN on. */
export class OrderedStream {
  readonly #receive: (bytes: Buffer) => void;
  #next: number;
  readonly #early = new Map<number, Buffer>();
  #earlyBytes = 0;
  /** True when bytes are missing for good: too much arrived that does not connect to what was seen. */
  lost = false;

  /** `sequence` is that of the SYN. */
  constructor(sequence: number, receive: (bytes: Buffer) => void) {
    this.#next = (sequence + 1) >>> 0;
    this.#receive = receive;
  }

  /** Takes a segment in any order, repeated or overlapping. The payload is copied when it is kept. */
  segment(sequence: number, payload: Buffer): void {
    if (payload.length === 0 || this.lost) return;
    // Signed distance modulo 2^32: negative means that the segment begins before what is due.
    const ahead = (sequence - this.#next) | 0;
    if (ahead > 0) {
      if (!this.#early.has(sequence)) {
        this.#early.set(sequence, Buffer.from(payload));
        this.#earlyBytes += payload.length;
        this.lost = this.#earlyBytes > MAX_PENDING;
      }
      return;
    }
    if (-ahead >= payload.length) return;
    const fresh = payload.subarray(-ahead);
    this.#next = (this.#next + fresh.length) >>> 0;
    this.#receive(fresh);
    this.#deliverEarly();
  }

  #deliverEarly(): void {
    for (const [sequence, payload] of this.#early) {
      if (((sequence - this.#next) | 0) > 0) continue;
      this.#early.delete(sequence);
      this.#earlyBytes -= payload.length;
      this.segment(sequence, payload);
      return;
    }
  }
}
