import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let scratch: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tree-'));
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true });
});

/** Starts a tree with a program inside and waits for its first line. */
async function start(inside: string): Promise<{ outside: ChildProcess; line: string }> {
  const file = join(scratch, 'inside.mjs');
  writeFileSync(file, inside);
  const program = `
    import { runInTree } from './tree.ts';
    import { systemClock } from '@ambit/core/clock';
    process.exitCode = await runInTree([process.execPath, ${JSON.stringify(file)}], process.env, systemClock);`;
  const options = ['--conditions=development', '--input-type=module-typescript', '--eval', program];
  const outside = spawn(process.execPath, options, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(outside);
  const [line] = (await once(createInterface(outside.stdout), 'line')) as [string];
  return { outside, line };
}

const WAITS = `import { Socket } from 'node:net';
  new Socket({ fd: 3 }).resume().on('end', () => process.exit(7));
  console.log(process.env.AMBIT_RUN_DIRECTORY);`;

describe('the tree', () => {
  it('ends by itself when asked, hands its exit code out, and takes its directory away', async () => {
    const { outside, line } = await start(WAITS);
    expect(existsSync(line)).toBe(true);
    outside.kill('SIGTERM');
    await once(outside, 'exit');
    expect(outside.exitCode).toBe(7);
    expect(existsSync(line)).toBe(false);
  });

  it('leaves no process when it is cut', async () => {
    const { outside, line } = await start(`import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['4711'], { detached: true, stdio: 'ignore' });
      child.once('spawn', () => console.log(process.env.AMBIT_RUN_DIRECTORY));
      setInterval(() => undefined, 1000);`);
    outside.kill('SIGTERM');
    outside.kill('SIGINT');
    await once(outside, 'exit');
    expect(existsSync(line)).toBe(false);
    expect(sleepers()).toEqual([]);
  });
});

function sleepers(): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^[0-9]+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8') === 'sleep\x004711\x00';
    } catch {
      return false;
    }
  });
}
