import { closeSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes read at once. */
const CHUNK = 1 << 20;

/** Reads what is appended to some log files of a folder, each from where it was left; a file that was cut is begun anew. */
export class LogFollower {
  readonly #folder: string;
  readonly #matches: (file: string) => boolean;
  readonly #onLine: (line: string) => void;
  readonly #files = new Map<string, { offset: number; begun: string }>();

  /** Follows the files whose name `matches`, those that come later too. */
  constructor(folder: string, matches: (file: string) => boolean, onLine: (line: string) => void) {
    this.#folder = folder;
    this.#matches = matches;
    this.#onLine = onLine;
  }

  /** Takes what is new; a line counts when it is complete. */
  read(): void {
    for (const name of readdirSync(this.#folder).filter(this.#matches)) {
      const path = join(this.#folder, name);
      const file = this.#files.get(name) ?? { offset: 0, begun: '' };
      this.#files.set(name, file);
      if (statSync(path).size < file.offset) {
        file.offset = 0;
        file.begun = '';
      }
      this.#readFile(path, file);
    }
  }

  #readFile(path: string, file: { offset: number; begun: string }): void {
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.allocUnsafe(CHUNK);
      for (let count = CHUNK; count === CHUNK; ) {
        count = readSync(descriptor, bytes, 0, CHUNK, file.offset);
        file.offset += count;
        // The lines that are looked for are written in ASCII; others may be torn inside a character.
        const lines = (file.begun + bytes.toString('latin1', 0, count)).split('\n');
        file.begun = lines.pop() ?? '';
        for (const line of lines) this.#onLine(line);
      }
    } finally {
      closeSync(descriptor);
    }
  }
}
