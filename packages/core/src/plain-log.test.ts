import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger, type Logger } from './log.ts';
import { createPlainLog } from './plain-log.ts';

const path = join(tmpdir(), `ambit-plain-log-${process.pid}`);

/** What `write` puts into a file, with every time made the same. */
function written(write: (descriptor: number) => void): string {
  const descriptor = openSync(path, 'w');
  try {
    write(descriptor);
    return readFileSync(path, 'utf8').replaceAll(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/g, '"time":"T"');
  } finally {
    closeSync(descriptor);
    rmSync(path);
  }
}

describe('a plain log', () => {
  it.each(['debug', 'info', 'warn', 'error', 'fatal'] as const)('writes the same %s lines as the logger', (level) => {
    const fields = { reason: 'say "no"\n', pause: 1.5, pods: 0, absent: undefined };
    for (const lowest of ['debug', 'warn', 'silent'] as const) {
      const say = (log: Logger): void => {
        log[level](fields, 'it ended');
        log[level]('without fields');
      };
      const expected = written((descriptor) => say(createLogger('keeper', { descriptor, level: lowest })));
      expect(written((descriptor) => say(createPlainLog('keeper', { descriptor, level: lowest })))).toBe(expected);
    }
  });

  it('goes on when nobody takes the line', () => {
    expect(() => createPlainLog('keeper', { descriptor: -1 }).error({}, 'unheard')).not.toThrow();
  });
});
