import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { interpreterOf, loadedPart } from './elf.ts';

it('a program without what only debuggers read runs as before and is found by its symbols', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ambit-elf-'));
  try {
    const whole = readFileSync(process.execPath);
    const part = loadedPart('node', whole);
    expect(part.length).toBeLessThan(whole.length);
    const file = join(folder, 'node');
    writeFileSync(file, part);
    chmodSync(file, 0o755);
    // The mesh calls functions that the program itself exports.
    const module = import.meta.resolve('@ambit/native/openssl-version');
    const script = `import(${JSON.stringify(module)}).then(({ opensslVersion }) => console.log(opensslVersion().origin))`;
    const { stdout, stderr } = spawnSync(file, ['--conditions=development', '--eval', script], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'runtime\n', stderr: '' });
    expect(interpreterOf('node', part)).toBe(interpreterOf('node', whole));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([
  ['a text', Buffer.from('#!/bin/sh\n'.repeat(20))],
  ['nothing', Buffer.alloc(0)],
  ['a 32-bit program', Buffer.concat([Buffer.from('\x7fELF\x01\x01', 'latin1'), Buffer.alloc(100)])],
  ['the first bytes of a program', Buffer.from('\x7fELF\x02\x01', 'latin1')],
])('%s is no program', (_, bytes) => {
  expect(() => loadedPart('file', bytes)).toThrow(expect.objectContaining({ code: 'AMBIT_IMAGE_ELF' }));
});
