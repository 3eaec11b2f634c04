import { writeSync } from 'node:fs';

/** Standard output. */
const STDOUT = 1;

const LINE_END = Buffer.from('\n');

/** Writes finished access-log lines. Lines that a slow reader does not take are dropped and counted: traffic never waits for a log. */
export class LogWriter {
  readonly #fd: number;
  #dropped = 0;
  /** The last line was cut: the next one must not stand behind it. */
  #cut = false;

  /** Default: standard output. */
  constructor(fd: number = STDOUT) {
    this.#fd = fd;
  }

  /** `lines` is UTF-8, each line with its end. */
  write(lines: Uint8Array, dropped: number): void {
    this.#dropped += dropped;
    let at = 0;
    try {
      if (this.#cut) {
        writeSync(this.#fd, LINE_END);
        this.#cut = false;
      }
      while (at < lines.length) at += writeSync(this.#fd, lines, at);
    } catch {
      // EAGAIN: a pipe whose reader is behind; EPIPE: there is none.
      this.#dropped += Buffer.from(lines.subarray(at)).toString('latin1').split('\n').length - 1;
      if (at > 0) this.#cut = lines[at - 1] !== LINE_END[0];
    }
  }

  /** Lines dropped since the start, by data threads and here. */
  get dropped(): number {
    return this.#dropped;
  }
}
