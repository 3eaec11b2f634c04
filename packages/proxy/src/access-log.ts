import type { Reactor } from '@ambit/reactor/reactor';
import { LOG_BYTES, LOG_REPORTS } from './limits.ts';
import type { ThreadReport } from './thread/messages.ts';

/** Lines go to the main thread together, this long after the first of them, milliseconds. */
const GATHER = 50;

/** A character takes three bytes of UTF-8 at most for each of its UTF-16 units. */
const BYTES_PER_UNIT = 3;

/** Writes a record as a line with its end. */
export interface RecordWriter<Record> {
  /** Returns where the line ended; -1, and nothing written, when there may be too little room. */
  writeLine(record: Record, into: Buffer, at: number): number;
}

/**
 * Access-log lines on their way to the main thread, which writes them. They are kept as bytes: strings that live for
 * some time are what a garbage collector has to copy. Never waits: what does not fit is dropped and counted.
 */
export class AccessLog {
  readonly #reactor: Reactor;
  /** Reports that the main thread has written, counted by it. */
  readonly #written: Int32Array;
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(LOG_BYTES);
  #end = 0;
  #posted = 0;
  #dropped = 0;
  #scheduled = false;

  constructor(reactor: Reactor, written: SharedArrayBuffer) {
    this.#reactor = reactor;
    this.#written = new Int32Array(written);
  }

  write(line: string): void {
    const most = line.length * BYTES_PER_UNIT;
    if (most > LOG_BYTES - this.#end) this.flush();
    if (most > LOG_BYTES - this.#end) {
      this.#dropped += 1;
      return;
    }
    this.#end += this.#bytes.write(line, this.#end);
    this.#schedule();
  }

  /** As `write`, for a record that is written as bytes at once. */
  writeRecord<Record>(writer: RecordWriter<Record>, record: Record): void {
    let end = writer.writeLine(record, this.#bytes, this.#end);
    if (end < 0) {
      this.flush();
      end = writer.writeLine(record, this.#bytes, this.#end);
    }
    if (end < 0) {
      this.#dropped += 1;
      return;
    }
    this.#end = end;
    this.#schedule();
  }

  /** Posts what has gathered, unless the main thread is behind. */
  flush(): void {
    if (this.#end === 0 && this.#dropped === 0) return;
    // Both counters wrap around alike.
    if (((this.#posted - Atomics.load(this.#written, 0)) | 0) >= LOG_REPORTS) return;
    // A copy: the buffer is written on while the message travels.
    const lines = new Uint8Array(this.#bytes.subarray(0, this.#end));
    const report: ThreadReport = { kind: 'log', lines, dropped: this.#dropped };
    this.#posted = (this.#posted + 1) | 0;
    this.#end = 0;
    this.#dropped = 0;
    this.#reactor.post(report);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#reactor.after(GATHER, () => {
      this.#scheduled = false;
      this.flush();
      // The main thread was behind: nobody may write another line that would bring these along.
      if (this.#end > 0) this.#schedule();
    });
  }
}
