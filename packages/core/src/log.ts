import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

export type LogLevel = 'debug' | 'error' | 'fatal' | 'info' | 'silent' | 'trace' | 'warn';

export interface LogOptions {
  /** Default `info`. */
  level?: LogLevel;
  /** The descriptor that is written to. Default 1 (standard output). */
  descriptor?: number;
}

/**
 * A JSON logger for the control side (main threads). Lines are written synchronously, so none is lost at exit.
 * Data threads do not log: they hand records to the main thread.
 */
export function createLogger(component: string, options: LogOptions = {}): Logger {
  return pino(
    {
      base: { component },
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: options.descriptor ?? 1, sync: true }),
  );
}
