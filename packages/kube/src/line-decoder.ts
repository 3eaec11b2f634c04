const NEWLINE = 0x0a;

/** Cuts bytes, however they are split, into lines without their ends. A line may have up to `maxBytes`. */
export class LineDecoder {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Calls `onLine` for every line that `chunk` completes, until that returns false. Throws RangeError when a line is too long. */
  push(chunk: Buffer, onLine: (line: string) => boolean): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      this.#keep(chunk.subarray(start, end < 0 ? chunk.length : end));
      if (end < 0) return;
      const line = Buffer.concat(this.#parts, this.#length).toString('utf8');
      this.#parts = [];
      this.#length = 0;
      start = end + 1;
      if (line.trim() !== '' && !onLine(line)) return;
    }
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#maxBytes) throw new RangeError(`a line has more than ${this.#maxBytes} bytes`);
    if (part.length > 0) this.#parts.push(part);
  }
}
