import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFollower } from './log-follower.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'follower-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('LogFollower', () => {
  it('gives each complete line once, of files that come later and of files that are cut', () => {
    const lines: string[] = [];
    const follower = new LogFollower(
      folder,
      (name) => name.startsWith('ztunnel-'),
      (line) => lines.push(line),
    );
    const path = join(folder, 'ztunnel-a.log');
    follower.read();
    writeFileSync(path, 'one\ntw');
    writeFileSync(join(folder, 'other.log'), 'not mine\n');
    follower.read();
    appendFileSync(path, 'o\nthree\n');
    follower.read();
    writeFileSync(path, 'cut\n');
    follower.read();
    follower.read();
    expect(lines).toEqual(['one', 'two', 'three', 'cut']);
  });
});
