import pino from 'pino';

type Write = {
  (message: string): void;
  (fields: object, message: string): void;
};

/** What the control sides write to. Fields stand in the line as they are; `error` is the message of what was thrown. */
export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  readonly fatal: Write;
}

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
