import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger } from './log.ts';
import { createPlainLog } from './plain-log.ts';

const path = join(tmpdir(), `ambit-plain-log-${process.pid}`);

/** What `write` puts into a file, with every time made the same. */
function written(write: (descriptor: number) => void): string {
  const descriptor = openSync(path, 'w');
  try {
    write(descriptor);
    return readFileSync(path, 'utf8').replace(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"time":"T"');
  } finally {
    closeSync(descriptor);
    rmSync(path);
  }
}

describe('a plain log', () => {
  it('writes the same line as the logger', () => {
    const fields = { reason: 'say "no"\n', pause: 1.5, pods: 0, absent: undefined };
    const expected = written((descriptor) => createLogger('keeper', { descriptor }).error(fields, 'it ended'));
    expect(written((descriptor) => createPlainLog('keeper', descriptor).error(fields, 'it ended'))).toBe(expected);
  });

  it('goes on when nobody takes the line', () => {
    expect(() => createPlainLog('keeper', -1).error({}, 'unheard')).not.toThrow();
  });
});
