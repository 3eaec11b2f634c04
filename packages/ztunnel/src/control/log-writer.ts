import { writeSync } from 'node:fs';

/** Standard output. */
const STDOUT = 1;

/** Writes finished access-log lines. Lines that a slow reader does not take are dropped and counted: traffic never waits for a log. */
export class LogWriter {
  #dropped = 0;

  write(text: string, dropped: number): void {
    this.#dropped += dropped;
    if (text.length === 0) return;
    const bytes = Buffer.from(text);
    let at = 0;
    try {
      while (at < bytes.length) at += writeSync(STDOUT, bytes, at);
    } catch {
      // EAGAIN: a pipe whose reader is behind; EPIPE: there is none.
      this.#dropped += bytes.toString('latin1', at).split('\n').length - 1;
    }
  }

  /** Lines dropped since the start, by data threads and here. */
  get dropped(): number {
    return this.#dropped;
  }
}
