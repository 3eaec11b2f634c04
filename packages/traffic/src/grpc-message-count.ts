/** Octets before each message: whether it is compressed, and its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const PREFIX_BYTES = 5;

/** Counts the messages of one direction of a call as its content passes, split anywhere. One counts once its length is known. */
export class GrpcMessageCount {
  #count = 0;
  /** Octets of the prefix that have passed. */
  #prefix = 0;
  /** Of the message: as far as its prefix tells, then what is still to come. */
  #length = 0;

  add(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#prefix < PREFIX_BYTES) {
        if (this.#prefix > 0) this.#length = this.#length * 256 + (bytes[at] ?? 0);
        at += 1;
        this.#prefix += 1;
        if (this.#prefix === PREFIX_BYTES) this.#count += 1;
      } else {
        const passed = Math.min(end - at, this.#length);
        at += passed;
        this.#length -= passed;
      }
      if (this.#prefix === PREFIX_BYTES && this.#length === 0) this.#prefix = 0;
    }
  }

  /** How many there were since it was asked last. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }
}
