import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TarEntry, tarOf } from './tar.ts';

const LONG = `${'folder/'.repeat(14)}${'deeper/'.repeat(7)}${'n'.repeat(90)}.js`;

const ENTRIES: readonly TarEntry[] = [
  { kind: 'file', path: 'usr/bin/tool', mode: 0o755, content: [Buffer.from('in two '), Buffer.from('pieces')] },
  { kind: 'file', path: 'etc/empty', mode: 0o644, content: [] },
  { kind: 'file', path: LONG, mode: 0o644, content: [Buffer.alloc(512, 'x')] },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'link', path: 'lib', target: 'usr/lib' },
];

describe('an archive', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ambit-tar-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const tar = (...parameters: string[]): string => {
    const { status, stdout, stderr } = spawnSync('tar', parameters, { cwd: folder, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  const write = (entries: readonly TarEntry[]): void => {
    writeFileSync(join(folder, 'archive.tar'), Buffer.concat(tarOf(entries)));
  };

  it('is unpacked by the tar of the machine to what was put in', () => {
    write(ENTRIES);
    tar('-xpf', 'archive.tar');
    expect(readFileSync(join(folder, 'usr/bin/tool'), 'utf8')).toBe('in two pieces');
    expect(lstatSync(join(folder, 'usr/bin/tool')).mode & 0o7777).toBe(0o755);
    expect(lstatSync(join(folder, 'etc/empty')).size).toBe(0);
    expect(readFileSync(join(folder, LONG))).toEqual(Buffer.alloc(512, 'x'));
    expect(lstatSync(join(folder, 'tmp')).mode & 0o7777).toBe(0o1777);
    expect(readlinkSync(join(folder, 'lib'))).toBe('usr/lib');
  });

  it('names every folder before what is in it, once, and belongs to root at no time', () => {
    write(ENTRIES);
    expect(tar('-tf', 'archive.tar').split('\n').slice(0, 5)).toEqual([
      'etc/',
      'etc/empty',
      'folder/',
      'folder/folder/',
      'folder/folder/folder/',
    ]);
    const lines = tar('-tvf', 'archive.tar', '--numeric-owner', '--utc').trim().split('\n');
    expect(lines.filter((line) => !/ 0\/0 +\d+ 1970-01-01 00:00 /.test(line))).toEqual([]);
  });

  it('is the same whatever the order of the entries', () => {
    expect(Buffer.concat(tarOf(ENTRIES.toReversed()))).toEqual(Buffer.concat(tarOf(ENTRIES)));
  });
});

describe('what an archive cannot hold', () => {
  const file = (path: string): TarEntry => ({ kind: 'file', path, mode: 0o644, content: [] });

  it.each([
    ['a path that no slash divides well', [file('n'.repeat(101))]],
    ['a path beyond all bounds', [file(`${'folder/'.repeat(40)}file`)]],
    ['the same path twice', [file('a/b'), file('a/b')]],
    ['something below a file', [file('a'), file('a/b')]],
    ['something below a link', [{ kind: 'link', path: 'lib', target: 'usr/lib' } as const, file('lib/b')]],
    ['a link to a path that is too long', [{ kind: 'link', path: 'a', target: 't'.repeat(101) } as const]],
  ])('%s is an error', (_, entries) => {
    expect(() => tarOf(entries)).toThrow(expect.objectContaining({ code: 'AMBIT_IMAGE_PATH' }));
  });
});
