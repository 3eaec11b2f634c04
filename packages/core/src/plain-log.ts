import { writeSync } from 'node:fs';
import type { Logger, LogLevel, LogOptions } from './log.ts';

/** How often a full pipe is tried again, and the pause between, milliseconds: as long as a line may hold up its process. */
const ATTEMPTS = 20;
const PAUSE = 5;

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/**
 * Writes lines of the form that `createLogger` writes, without the log library: for the processes of which every node has
 * one, and which log little. Never throws.
 */
export function createPlainLog(component: string, { level: lowest = 'info', descriptor = 1 }: LogOptions = {}): Logger {
  const writer = (level: LogLevel): Logger['info'] => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return () => undefined;
    return (fields: object | string, message?: string): void => {
      const more = typeof fields === 'string' ? { msg: fields } : { ...fields, msg: message };
      const line = { level, time: new Date().toISOString(), component, ...more };
      write(descriptor, Buffer.from(`${JSON.stringify(line)}\n`));
    };
  };
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    fatal: writer('fatal'),
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
