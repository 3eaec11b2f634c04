import { writeSync } from 'node:fs';

/** Standard output. */
const STDOUT = 1;

/** Writes finished access-log lines. Lines that a slow reader does not take are dropped and counted: traffic never waits for a log. */
export class LogWriter {
  #dropped = 0;

  /** `lines` is UTF-8, each line with its end. */
  write(lines: Uint8Array, dropped: number): void {
    this.#dropped += dropped;
    let at = 0;
    try {
      while (at < lines.length) at += writeSync(STDOUT, lines, at);
    } catch {
      // EAGAIN: a pipe whose reader is behind; EPIPE: there is none.
      this.#dropped += Buffer.from(lines.subarray(at)).toString('latin1').split('\n').length - 1;
    }
  }

  /** Lines dropped since the start, by data threads and here. */
  get dropped(): number {
    return this.#dropped;
  }
}
