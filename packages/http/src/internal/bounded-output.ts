import type { OutputSink } from '../h2/output-sink.ts';
import { MAX_CONTROL_BACKLOG_BYTES } from '../limits.ts';

const INITIAL_BACKLOG_BYTES = 4096;

/**
 * Writes what is not content (frames, message heads) to the sink. What finds no room, because the peer does not read, waits in
 * a bounded backlog, in order; content never enters it.
 */
export class BoundedOutput {
  readonly sink: OutputSink;
  /** Something was lost because the backlog is full: the peer does not read, and the connection is beyond repair. */
  overflowed = false;
  /** Where `reserve` lets write: `bytes[at, at + size)`. */
  bytes: Buffer;
  at = 0;
  #backlog: Buffer | undefined;
  #backlogStart = 0;
  #backlogEnd = 0;

  constructor(sink: OutputSink) {
    this.sink = sink;
    this.bytes = sink.bytes;
  }

  /** True while octets wait that found no room: nothing may overtake them. */
  get backlogged(): boolean {
    return this.#backlog !== undefined;
  }

  /** Moves waiting octets to the sink as far as they fit; true when none is left. */
  drain(): boolean {
    const backlog = this.#backlog;
    if (backlog === undefined) return true;
    const sink = this.sink;
    while (this.#backlogStart < this.#backlogEnd) {
      let size = Math.min(this.#backlogEnd - this.#backlogStart, 16_384);
      if (!sink.room(size)) {
        size = 1;
        if (!sink.room(size)) return false;
        size = Math.min(this.#backlogEnd - this.#backlogStart, sink.bytes.length - sink.end);
      }
      backlog.copy(sink.bytes, sink.end, this.#backlogStart, this.#backlogStart + size);
      sink.end += size;
      this.#backlogStart += size;
    }
    this.clear();
    return true;
  }

  /** Drops what waits; the connection is over. */
  clear(): void {
    this.#backlog = undefined;
    this.#backlogStart = 0;
    this.#backlogEnd = 0;
  }

  /**
   * Finds `size` octets in a row at `bytes[at]`, to be claimed by `commit` before anything else is written; false when the
   * backlog is full and what should be written is lost.
   */
  reserve(size: number): boolean {
    const sink = this.sink;
    if (this.#backlog === undefined && sink.room(size)) {
      this.bytes = sink.bytes;
      this.at = sink.end;
      return true;
    }
    if (this.overflowed || this.#backlogEnd - this.#backlogStart + size > MAX_CONTROL_BACKLOG_BYTES) {
      this.overflowed = true;
      return false;
    }
    this.bytes = this.#backlogFor(size);
    this.at = this.#backlogEnd;
    return true;
  }

  /** Claims the first `size` octets of what `reserve` gave. */
  commit(size: number): void {
    if (this.#backlog === undefined) this.sink.end += size;
    else this.#backlogEnd += size;
  }

  /** Both at once. */
  place(size: number): boolean {
    if (!this.reserve(size)) return false;
    this.commit(size);
    return true;
  }

  raw(source: Buffer): void {
    if (this.place(source.length)) source.copy(this.bytes, this.at);
  }

  #backlogFor(size: number): Buffer {
    let backlog = this.#backlog;
    if (backlog === undefined) {
      backlog = Buffer.allocUnsafeSlow(Math.max(INITIAL_BACKLOG_BYTES, size));
    } else if (this.#backlogEnd + size > backlog.length) {
      const used = this.#backlogEnd - this.#backlogStart;
      const larger = used + size > backlog.length ? Buffer.allocUnsafeSlow((used + size) * 2) : backlog;
      backlog.copy(larger, 0, this.#backlogStart, this.#backlogEnd);
      this.#backlogStart = 0;
      this.#backlogEnd = used;
      backlog = larger;
    }
    this.#backlog = backlog;
    return backlog;
  }
}
