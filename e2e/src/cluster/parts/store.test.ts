import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@ambit/core/clock';
import type { Bench, Part } from './part.ts';
import { provide } from './store.ts';

describe('the parts of a cluster', () => {
  let folder: string;
  let said: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ambit-parts-'));
    said = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const get = (part: Part, environment = {}) =>
    provide([part], { folder, environment, clock: systemClock, say: (line) => void said.push(line) });

  const partOf = (build: (bench: Bench) => Promise<void>, recipe = {}): Part => ({
    name: 'thing',
    recipe,
    tools: [],
    build,
  });

  const written = (text: string) => (bench: Bench) => {
    writeFileSync(join(bench.out, 'file'), text);
    return Promise.resolve();
  };

  it('is built once, and again when what it is made from changes', async () => {
    const first = await get(partOf(written('one')));
    const again = await get(partOf(written('never')));
    expect(again.folders).toEqual(first.folders);
    const changed = await get(partOf(written('two'), { flag: 1 }));
    expect(readFileSync(join(first.folders['thing'] ?? '', 'file'), 'utf8')).toBe('one');
    expect(readFileSync(join(changed.folders['thing'] ?? '', 'file'), 'utf8')).toBe('two');
    expect(said.filter((line) => line.startsWith('thing: built in'))).toHaveLength(2);
  });

  it('leaves nothing when a build fails, and what it said is in the error', async () => {
    const failing = partOf(async (bench) => {
      writeFileSync(join(bench.out, 'half'), '');
      await bench.run(['sh', '-c', 'echo no such module >&2; exit 1']);
    });
    await expect(get(failing)).rejects.toThrow(/^thing cannot be built: .*no such module/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('removes what a build left that was killed', async () => {
    const { folders } = await get(partOf(written('one')));
    const path = folders['thing'] ?? '';
    rmSync(path, { recursive: true });
    writeFileSync(`${path}.000000000000001.999999.1@boot.building`, '');
    await get(partOf(written('two')));
    expect(readdirSync(folder).map((name) => join(folder, name))).toEqual([path]);
  });

  it('is built by one process when two ask for it at once', async () => {
    const { folders } = await get(partOf(written('found out the name')));
    const path = folders['thing'] ?? '';
    rmSync(path, { recursive: true });
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // A living process that came first.
    const other = `${path}.000000000000001.${process.ppid}.${began}@${boot}.building`;
    writeFileSync(other, '');
    const waiting = get(partOf(() => Promise.reject(new Error('built twice'))));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(said).toContain('thing: another process builds it; waiting ...');
    writeFileSync(path, '');
    rmSync(other);
    expect((await waiting).folders).toEqual(folders);
  });

  it('names every tool that is missing, with its package, before anything is built', async () => {
    const part: Part = { ...partOf(written('never')), tools: ['go', 'pkg-config'] };
    await expect(get(part, { PATH: folder })).rejects.toThrow(
      /^to build thing:\ngo is missing .*: apt-get install golang-go\npkg-config is missing/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});
