import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { expect, it } from 'vitest';
import { namespaceView, StoredView } from './stored-view.ts';

it('keeps what the plugin may read while there is no agent', () => {
  const directory = mkdtempSync(join(tmpdir(), 'view-'));
  try {
    const clock = new ManualClock();
    const namespaces = [
      { name: 'shop', enrolled: true },
      { name: 'default', enrolled: false },
    ];
    const read = (): unknown => JSON.parse(readFileSync(join(directory, 'namespaces.json'), 'utf8'));
    const log = createLogger('test', { level: 'silent' });
    const view = new StoredView(directory, { clock, log, read: () => namespaceView(namespaces) });
    view.write();
    expect(read()).toEqual({ version: 1, enrolled: ['shop'], others: ['default'] });
    const { ino, mode } = statSync(join(directory, 'namespaces.json'));
    expect(mode & 0o777).toBe(0o600);
    view.write();
    expect(statSync(join(directory, 'namespaces.json')).ino).toBe(ino);
    namespaces.push({ name: 'bank', enrolled: true });
    view.changed();
    view.changed();
    clock.advance(100);
    expect(read()).toEqual({ version: 1, enrolled: ['bank', 'shop'], others: ['default'] });
    // It was replaced, not written over: who has it open reads the old one to its end.
    expect(statSync(join(directory, 'namespaces.json')).ino).not.toBe(ino);
    expect(readdirSync(directory)).toEqual(['namespaces.json']);
    view.remove();
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('a namespace that joins while the file cannot be written is in it as soon as it can', () => {
  const directory = mkdtempSync(join(tmpdir(), 'view-'));
  try {
    const clock = new ManualClock();
    const log = createLogger('test', { level: 'silent' });
    const run = join(directory, 'run');
    const view = new StoredView(run, { clock, log, read: () => namespaceView([{ name: 'shop', enrolled: true }]) });
    view.changed();
    clock.advance(100);
    mkdirSync(run);
    clock.advance(5_000);
    expect(JSON.parse(readFileSync(join(run, 'namespaces.json'), 'utf8'))).toMatchObject({ enrolled: ['shop'] });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
