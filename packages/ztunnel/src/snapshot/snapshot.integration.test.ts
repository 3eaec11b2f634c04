import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateName } from '../keeper/packets.ts';
import { Snapshot } from './snapshot.ts';

/** Linux has a tmpfs here for shm_open(3). */
const TMPFS = '/dev/shm';
const STATE = Buffer.from('the mesh as it is');

describe('the snapshot of a node', () => {
  let path: string;
  let clock: ManualClock;
  let lines: string[];
  let results: [StateName, string | undefined][];

  const note = (fields: object | string, message = ''): void => {
    lines.push(`${JSON.stringify(fields)} ${message}`);
  };
  const log: Logger = { debug: note, info: note, warn: note, error: note, fatal: note };
  const open = (options: { path?: string; release?: string } = {}): Snapshot =>
    new Snapshot({
      ...{ path, clock, log, release: '1.0.0', onResult: (state, code) => results.push([state, code]) },
      ...options,
    });
  const write = (snapshot: Snapshot, content: Uint8Array): void => {
    snapshot.keep('resources', () => content);
    clock.advance(60_000);
  };
  const files = (): string[] => readdirSync(path).sort();

  beforeEach(() => {
    path = mkdtempSync(join(TMPFS, 'snapshot-'));
    clock = new ManualClock();
    lines = [];
    results = [];
  });
  afterEach(() => {
    rmSync(path, { recursive: true });
  });

  it('outlives whoever wrote it, for its user alone', () => {
    chmodSync(path, 0o755);
    write(open(), STATE);
    expect(open().read('resources')?.toString()).toBe(STATE.toString());
    expect(open().read('certificates')).toBeUndefined();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const file of files()) expect(statSync(join(path, file)).mode & 0o777).toBe(0o600);
    expect(lines).toEqual([]);
  });

  it('of many changes in a second the last one is written, once', () => {
    const snapshot = open();
    let asked = 0;
    const change = (content: string): void => {
      snapshot.keep('resources', () => {
        asked += 1;
        return Buffer.from(content);
      });
    };
    change('first');
    clock.advance(0);
    expect(open().read('resources')?.toString()).toBe('first');
    for (let count = 0; count < 50; count += 1) change(`change ${count}`);
    clock.advance(900);
    expect(open().read('resources')?.toString()).toBe('first');
    clock.advance(200);
    expect(open().read('resources')?.toString()).toBe('change 49');
    expect(asked).toBe(2);
    change('last words');
    snapshot.close();
    change('forgetting');
    clock.advance(60_000);
    expect(open().read('resources')?.toString()).toBe('last words');
  });

  it('a proxy that is being replaced never overwrites what its successor knows', () => {
    const old = open();
    write(old, Buffer.from('old'));
    const successor = open();
    expect(successor.read('resources')?.toString()).toBe('old');
    // Until the successor has something of its own, what the old one learns counts.
    write(old, Buffer.from('old, changed'));
    expect(open().read('resources')?.toString()).toBe('old, changed');
    write(successor, Buffer.from('new'));
    write(old, Buffer.from('older than new'));
    expect(open().read('resources')?.toString()).toBe('new');
    write(successor, Buffer.from('newer'));
    expect(files().filter((file) => file.startsWith('resources'))).toHaveLength(1);
  });

  it('a state that is to be gone is gone, with what predecessors wrote of it and did not finish', () => {
    write(open(), STATE);
    writeFileSync(join(path, 'resources.1.tmp'), 'half a file', { mode: 0o600 });
    const snapshot = open();
    snapshot.keep('resources', () => undefined);
    clock.advance(60_000);
    expect(files()).toEqual(['writer.2']);
    write(snapshot, STATE);
    expect(open().read('resources')?.toString()).toBe(STATE.toString());
  });

  it('a damaged file is named and passed over for the one before it', () => {
    const old = open();
    write(old, Buffer.from('old'));
    const successor = open();
    write(successor, Buffer.from('new'));
    write(old, Buffer.from('whole'));
    const [damaged = ''] = files().filter((file) => file === 'resources.2');
    writeFileSync(join(path, damaged), 'AMBITSNP but nothing of it');
    expect(open().read('resources')?.toString()).toBe('whole');
    expect(lines.join()).toContain('resources.2 is ignored');
    expect(results.at(-1)).toEqual(['resources', 'AMBIT_SNAPSHOT_REFUSED']);
  });

  it('what others could have written, links and sizes beyond reason are refused', () => {
    write(open(), STATE);
    const [file = ''] = files().filter((name) => name.startsWith('resources'));
    chmodSync(join(path, file), 0o660);
    expect(open().read('resources')).toBeUndefined();
    rmSync(join(path, file));
    symlinkSync('/etc/passwd', join(path, file));
    expect(open().read('resources')).toBeUndefined();
    rmSync(join(path, file));
    writeFileSync(join(path, file), '', { mode: 0o600 });
    // Sparse: the size alone must be enough.
    truncateSync(join(path, file), 2 ** 31);
    expect(open().read('resources')).toBeUndefined();
    expect(lines.filter((line) => line.includes('AMBIT_SNAPSHOT_REFUSED'))).toHaveLength(3);
  });

  it('another release does not read it', () => {
    write(open(), STATE);
    expect(open({ release: '1.1.0' }).read('resources')).toBeUndefined();
    expect(lines.join()).toMatch(/written as.*1\.0\.0/);
  });

  it('where there is no tmpfs nothing is kept, and it is said', () => {
    const snapshot = open({ path: '/proc' });
    write(snapshot, STATE);
    expect(snapshot.kept).toBe(false);
    expect(snapshot.problem?.message).toContain('AMBIT_SNAPSHOT_DIR=/proc: it is not on tmpfs');
    expect(lines.join()).toContain('AMBIT_SNAPSHOT_DIRECTORY');
    expect(results).toEqual([]);
  });

  it('no directory, no file, no relative path is used in its place', () => {
    writeFileSync(join(path, 'file'), '');
    symlinkSync(path, join(path, 'link'));
    for (const wrong of [join(path, 'none'), join(path, 'file'), join(path, 'link'), 'here'])
      expect(open({ path: wrong }).problem?.code).toBe('AMBIT_SNAPSHOT_DIRECTORY');
    expect(open({ path: '' }).problem).toBeUndefined();
  });

  it('a directory that vanishes costs the snapshot and nothing else', () => {
    const snapshot = open();
    write(snapshot, STATE);
    rmSync(path, { recursive: true });
    write(snapshot, STATE);
    expect(results.at(-1)).toEqual(['resources', 'AMBIT_SNAPSHOT_WRITE']);
    expect(snapshot.read('resources')).toBeUndefined();
    path = mkdtempSync(join(TMPFS, 'snapshot-'));
  });
});
