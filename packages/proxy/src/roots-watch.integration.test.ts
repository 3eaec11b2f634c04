import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOTS_LOOK, ROOTS_SETTLE } from './limits.ts';
import { RootsWatch } from './roots-watch.ts';

const pem = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`;

describe('a new root', () => {
  let folder: string;
  let file: string;
  let clock: ManualClock;
  let told: string[];

  const write = (...roots: string[]): void => {
    writeFileSync(`${file}.tmp`, roots.map((root) => `${pem(root)}\n`).join(''));
    renameSync(`${file}.tmp`, file);
  };
  /** Lets a read of the file end. */
  const passed = async (milliseconds: number): Promise<void> => {
    clock.advance(milliseconds);
    await pause(30);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'roots-'));
    file = join(folder, 'root-cert.pem');
    clock = new ManualClock();
    told = [];
    const log = createLogger('test', { level: 'silent' });
    new RootsWatch({ file, clock, log, onRoot: (root) => told.push(root) }).start();
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is told of within half a minute, once, and one that leaves is not', async () => {
    await pause(30);
    write('aaaa');
    await passed(ROOTS_LOOK);
    // What a predecessor had may lack it.
    expect(told.splice(0)).toEqual([pem('aaaa')]);
    await passed(ROOTS_LOOK);
    expect(told).toEqual([]);
    write('bbbb', 'aaaa');
    await passed(ROOTS_LOOK);
    expect(told).toEqual([]);
    await passed(ROOTS_SETTLE);
    expect(told.splice(0)).toEqual([pem('bbbb')]);
    write('bbbb');
    await passed(ROOTS_LOOK);
    rmSync(file);
    await passed(ROOTS_LOOK);
    write('bbbb');
    await passed(ROOTS_LOOK + ROOTS_SETTLE);
    expect(told).toEqual([]);
  });
});
