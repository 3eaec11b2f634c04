import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { interpreterOf } from './elf.ts';
import { linkageOf } from './shared-libraries.ts';

it('of a program the loader and all libraries are found, in one folder that the loader searches', () => {
  const { loader, libraries, folder } = linkageOf([process.execPath]);
  expect(loader?.path).toBe(interpreterOf('node', readFileSync(process.execPath)));
  expect(libraries.map(({ soname }) => soname)).toEqual(expect.arrayContaining(['libc.so.6', 'libm.so.6']));
  const libc = libraries.find(({ soname }) => soname === 'libc.so.6');
  expect(dirname(libc?.file ?? '')).toBe(realpathSync(folder ?? ''));
});

it('a library that is missing is named with the program that needs it', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'ambit-linkage-'));
  try {
    const program = join(scratch, 'program');
    const bytes = readFileSync(process.execPath);
    bytes.write('libx.so.6\0', bytes.indexOf('libm.so.6\0'));
    writeFileSync(program, bytes);
    chmodSync(program, 0o755);
    expect(() => linkageOf([program])).toThrow(
      expect.objectContaining({
        code: 'AMBIT_IMAGE_MISSING',
        message: `${program} needs the library libx.so.6, which is not on this machine`,
      }),
    );
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
