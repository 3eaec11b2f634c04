import { writeSync } from 'node:fs';

/** The part of a logger that a plain log has. */
export interface PlainLog {
  error(fields: object, message: string): void;
}

/** How often a full pipe is tried again, and the pause between, milliseconds: as long as a line may hold up its process. */
const ATTEMPTS = 20;
const PAUSE = 5;

/**
 * Writes lines of the form that `createLogger` writes, without the log library, which would be a tenth of the memory of a
 * process that logs a few errors in its life. `descriptor`: default 1 (standard output). Never throws.
 */
export function createPlainLog(component: string, descriptor = 1): PlainLog {
  return {
    error: (fields: object, message: string): void => {
      const line = { level: 'error', time: new Date().toISOString(), component, ...fields, msg: message };
      write(descriptor, Buffer.from(`${JSON.stringify(line)}\n`));
    },
  };
}

function write(descriptor: number, line: Buffer): void {
  let written = 0;
  for (let attempt = 0; attempt < ATTEMPTS && written < line.length; attempt += 1) {
    try {
      written += writeSync(descriptor, line, written);
    } catch (error) {
      // Whoever reads the log is slow (EAGAIN), or gone: then there is nobody to tell.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
